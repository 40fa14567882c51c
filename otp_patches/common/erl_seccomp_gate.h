/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: gates, for the emulator. See erl_seccomp_gate.c.
 */

#ifndef ERL_SECCOMP_GATE_H__
#define ERL_SECCOMP_GATE_H__

#include "sys.h"
#include "erl_vm.h"
#include "erl_seccomp.h"

/* Where the patches do not know the frame of a gate, and in the JIT of other
 * machines, there are no gates: what a policy says of them is refused, by the
 * library and here. */
#if defined(BeamIsSeccompGate) && (!defined(BEAMASM) || defined(__x86_64__))
#  define ERTS_SECCOMP_HAS_GATES 1
#else
#  define ERTS_SECCOMP_HAS_GATES 0
#endif

struct export_;

/* The word as it is outside of gates. */
static ERTS_INLINE Uint32 erts_seccomp_closed(Uint32 word)
{
    if (word & ERTS_SECCOMP_E)
        word |= ERTS_SECCOMP_CHECKED;
    if (word & ERTS_SECCOMP_GATE_SEND)
        word ^= ERTS_SECCOMP_GATE_SEND | ERTS_SECCOMP_SEND;
    return word;
}

/* The word inside of one. */
static ERTS_INLINE Uint32 erts_seccomp_opened(Uint32 word)
{
    if (word & ERTS_SECCOMP_SEND)
        word ^= ERTS_SECCOMP_GATE_SEND | ERTS_SECCOMP_SEND;
    return word & ~ERTS_SECCOMP_CHECKED;
}

static ERTS_INLINE int erts_seccomp_is_inside(Process *p)
{
    return (p->seccomp & (ERTS_SECCOMP_E | ERTS_SECCOMP_CHECKED))
           == ERTS_SECCOMP_E;
}

void erts_seccomp_gate_init(void);
int erts_seccomp_is_gate(Uint32 policy, Uint32 ix);
void erts_seccomp_found_gate(Uint32 policy, Uint32 ix);
int erts_seccomp_enter(Process *c_p, const struct export_ *ep, Eterm *reg);
int erts_seccomp_enter_saving(Process *c_p, const struct export_ *ep,
                              Eterm *reg);
int erts_seccomp_gate_close(Process *c_p);
ErtsCodePtr erts_seccomp_gate_caught(Process *c_p, ErtsCodePtr handler);

#endif /* ERL_SECCOMP_GATE_H__ */
