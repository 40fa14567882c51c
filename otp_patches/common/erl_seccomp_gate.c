/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: gates. A policy that says {gate, M, F, A} allows this
 * call, and what the function calls is not checked until it returns or an
 * exception leaves it.
 *
 * When a gate is called a frame is put on the stack, as for tracing of returns:
 * its return address is a piece of code of ours (beam_seccomp_gate), and a
 * small integer follows. The process has ERTS_SECCOMP_E without
 * ERTS_SECCOMP_CHECKED from then on, and calls as a trusted one does. So no gate
 * is noticed inside of another one, and at most one is open; the frame of a gate
 * that was closed early may still be there, and closes nothing.
 *
 * A gate ends when its frame is returned to, when an exception is caught below
 * it, when the process hibernates, which throws its stack away, and when
 * somebody else changes its policy. To close twice is to close once, and a gate
 * that is not open needs no frame: whatever is forgotten, calls are checked.
 *
 * What the gate runs was chosen by the host, so nothing that the program chose
 * may come in with it: no fun in its arguments or in the process dictionary, and
 * no error handler.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "error.h"
#include "bif.h"
#include "erl_fun.h"
#include "erl_map.h"
#include "erl_process_dict.h"
#include "beam_common.h"
#include "export.h"
#include "erl_seccomp.h"
#include "erl_seccomp_gate.h"

/* Which export entries are known to be gates of a policy, as verdict bits; NULL
 * for a policy that has none. */
static erts_atomic32_t *gates[ERTS_SECCOMP_MAX_POLICIES];

int erts_seccomp_is_gate(Uint32 policy, Uint32 ix)
{
    erts_atomic32_t *bits = gates[policy];

    return bits
           && (Uint32) erts_atomic32_read_nob(&bits[ix / 32])
                  & (Uint32) 1 << (ix % 32);
}

/* The library said so. The entries that share number 0 ask each time. */
void erts_seccomp_found_gate(Uint32 policy, Uint32 ix)
{
    erts_atomic32_t *bits = gates[policy];

    if (bits && ix != 0)
        erts_atomic32_read_bor_nob(
            &bits[ix / 32], (erts_aint32_t) ((Uint32) 1 << (ix % 32)));
}

#if ERTS_SECCOMP_HAS_GATES

static Eterm am_gate_fun, am_rand;

/* How many terms are looked at in search of a fun: the search cannot be
 * interrupted, and terms that share their parts have no end. */
#define MAX_TERMS (4 * 1024 * 1024)
/* How many of them are one reduction. */
#define TERMS_PER_RED 16

#define NOTHING 0
#define A_FUN 1
#define TOO_MUCH 2

void erts_seccomp_gate_init(void)
{
    am_gate_fun = am_atom_put("gate_fun", 8);
    am_rand = am_atom_put("rand", 4);
}

/* Before OTP 27. */
#ifndef fun_num_free
#  define fun_num_free(FunThing) ((FunThing)->num_free)
#endif

/* The state of a generator, which rand keeps in the dictionary, holds functions
 * of rand. These call nothing but what they find in such a state. */
static int is_of_rand(const Eterm *fun)
{
    const ErlFunThing *funp = (const ErlFunThing *) fun;

    if (is_external_fun(funp))
        return funp->entry.exp->info.mfa.module == am_rand;
    return fun_num_free(funp) == 0 && funp->entry.fun->module == am_rand;
}

/* The terms in a list cell, tuple, record, map or node of a map. */
static const Eterm *parts_of(Eterm t, Uint *n)
{
    const Eterm *ptr;

    *n = 0;
    if (is_list(t)) {
        *n = 2;
        return list_val(t);
    }
    ptr = boxed_val(t);
    if (is_arity_value(*ptr)) {
        *n = arityval(*ptr);
        return ptr + 1;
    }
#ifdef is_record_header /* native ones, from OTP 29 on */
    if (is_record_header(*ptr)) {
        *n = header_arity(*ptr);
        return ptr + 1;
    }
#endif
    if ((*ptr & _TAG_HEADER_MASK) != _TAG_HEADER_MAP)
        return ptr;
    if (MAP_HEADER_TYPE(*ptr) == MAP_HEADER_TAG_FLATMAP_HEAD) {
        *n = flatmap_get_size((const flatmap_t *) ptr) + 1;
        return ptr + 2; /* the keys are one tuple */
    }
    *n = hashmap_bitcount(MAP_HEADER_VAL(*ptr));
    return ptr + 1 + header_arity(*ptr);
}

/* Whether anything that could be called comes in with the call. */
static int brings_code(Process *c_p, const Eterm *reg, Uint arity)
{
    const ProcDict *dict = c_p->dictionary;
    Uint left = MAX_TERMS, n, i;
    int found = NOTHING;
    DECLARE_ESTACK(s);

    for (i = 0; i < arity; i++) {
        if (is_not_immed(reg[i]))
            ESTACK_PUSH(s, reg[i]);
    }
    for (i = 0; dict && i < ERTS_PD_SIZE(dict); i++) {
        if (is_not_immed(ERTS_PD_START(dict)[i]))
            ESTACK_PUSH(s, ERTS_PD_START(dict)[i]);
    }
    while (!ESTACK_ISEMPTY(s)) {
        Eterm t = ESTACK_POP(s);
        const Eterm *part;

        if (is_boxed(t) && is_fun_header(*boxed_val(t))) {
            if (is_of_rand(boxed_val(t)))
                continue;
            found = A_FUN;
            break;
        }
        part = parts_of(t, &n);
        if (n > left) {
            found = TOO_MUCH;
            break;
        }
        left -= n;
        /* The first one comes next, so a long list takes no more place than
         * what it is nested in. */
        while (n-- > 0) {
            if (is_not_immed(part[n]))
                ESTACK_PUSH(s, part[n]);
        }
    }
    DESTROY_ESTACK(s);
    BUMP_REDS(c_p, (MAX_TERMS - left) / TERMS_PER_RED);
    return found;
}

/* Non-zero: the function is not there, and the call goes to the error handler.
 * That is not what the host has allowed, so it stays under the policy. */
static int is_missing(const Export *ep)
{
    return erts_is_export_trampoline_active((Export *) ep,
                                            erts_active_code_ix())
           && BeamIsOpCode(ep->trampoline.common.op, op_call_error_handler);
}

static void push_frame(Process *c_p, const Export *ep, Eterm *reg)
{
    ErtsCodePtr address;
    Eterm *E;

    /* That of a gate that was closed early, and calls this one last. */
    erts_inspect_frame(c_p->stop, &address);
    if (BeamIsSeccompGate(address))
        return;
    if (HeapWordsLeft(c_p) < CP_SIZE + 1) {
        (void) erts_garbage_collect(c_p, CP_SIZE + 1, reg,
                                    ep->info.mfa.arity);
        ERTS_VERIFY_UNUSED_TEMP_ALLOC(c_p);
    }
    E = c_p->stop - 2;
    E[1] = make_small(ep->seccomp_ix);
    E[0] = make_cp(beam_seccomp_gate);
    if (erts_frame_layout == ERTS_FRAME_LAYOUT_FP_RA) {
        E -= 1;
        E[0] = make_cp(FRAME_POINTER(c_p));
        FRAME_POINTER(c_p) = E;
    }
    c_p->stop = E;
}

/* Negative: it is open. Zero: the call is one like others. Else it is denied,
 * with the exception set. */
static int open_gate(Process *c_p, const Export *ep, Eterm *reg)
{
    const ErtsCodeMFA *mfa = &ep->info.mfa;
    const ErtsSeccompHooks *h = erts_seccomp_judge(c_p);
    int brings;

    if (is_missing(ep))
        return 0;
    brings = brings_code(c_p, reg, mfa->arity);
    if (brings == TOO_MUCH) {
        c_p->freason = SYSTEM_LIMIT;
        return 1;
    }
    if (brings == A_FUN || erts_proc_get_error_handler(c_p) != am_error_handler) {
        Sint32 verdict =
            h ? h->gate_denied(c_p->common.id, mfa->module, mfa->function,
                               (Uint32) mfa->arity)
              : ERTS_SECCOMP_RAISE;
        if (verdict != ERTS_SECCOMP_LOG) {
            Eterm *hp = HAlloc(c_p, 4 + 3);
            Eterm what = TUPLE3(hp, mfa->module, mfa->function,
                                make_small(mfa->arity));
            what = TUPLE2(hp + 4, am_gate_fun, what);
            erts_seccomp_refuse_term(c_p, what, THE_NON_VALUE, verdict);
            return 1;
        }
    }
    push_frame(c_p, ep, reg);
    c_p->seccomp = erts_seccomp_opened(c_p->seccomp);
    return -1;
}

/*
 * A call through an export entry whose bit is not set, with its arguments in
 * the registers. Positive: denied, with the exception set. Negative: it is a
 * gate, and a frame was put on the stack.
 */
int erts_seccomp_enter(Process *c_p, const Export *ep, Eterm *reg)
{
    int verdict = erts_seccomp_check_args(c_p, ep, reg);

    return verdict < 0 ? open_gate(c_p, ep, reg) : verdict;
}

/* The same for the JIT, also for processes with a save_calls buffer: these
 * keep their code index inside of gates, as if there was none. */
int erts_seccomp_enter_saving(Process *c_p, const Export *ep, Eterm *reg)
{
    int verdict = erts_seccomp_enter(c_p, ep, reg);

    if (verdict <= 0 && ERTS_PROC_GET_SAVED_CALLS_BUF(c_p)) {
        save_calls(c_p, (Export *) ep); /* const from OTP 29 on */
        return 0;
    }
    return verdict;
}

/* A frame has been returned to. Non-zero: calls are checked again. */
int erts_seccomp_gate_close(Process *c_p)
{
    c_p->seccomp = erts_seccomp_closed(c_p->seccomp);
    return (c_p->seccomp & ERTS_SECCOMP_CHECKED) != 0;
}

/* An exception went past a frame. Gives what the handler of it is: in the JIT
 * another code index has to be taken first. */
ErtsCodePtr erts_seccomp_gate_caught(Process *c_p, ErtsCodePtr handler)
{
    if (!erts_seccomp_gate_close(c_p))
        return handler;
#ifdef BEAMASM
    c_p->i = handler;
    return beam_seccomp_caught;
#else
    return handler;
#endif
}

#else /* !ERTS_SECCOMP_HAS_GATES */

void erts_seccomp_gate_init(void)
{
}

ErtsCodePtr erts_seccomp_gate_caught(Process *c_p, ErtsCodePtr handler)
{
    return handler;
}

#endif

/*
 * For the library.
 */

/* Gives a policy its bits for gates (ERTS_SECCOMP_EXPORTS of them), or takes
 * them away (NULL) when no process has it. Non-zero: no gates here. */
int erl_seccomp_set_gates(Uint32 policy, erts_atomic32_t *bits)
{
    if (policy == ERTS_SECCOMP_DENY_ALL
        || policy >= ERTS_SECCOMP_MAX_POLICIES
        || (bits && !ERTS_SECCOMP_HAS_GATES))
        return 1;
    gates[policy] = bits;
    ETHR_MEMBAR(ETHR_StoreStore);
    return 0;
}

/* Whether this emulator has gates. */
int erl_seccomp_has_gates(void)
{
    return ERTS_SECCOMP_HAS_GATES;
}

/* Whether the caller is inside of one. */
int erl_seccomp_in_gate(ErlNifEnv *env)
{
    return erts_seccomp_is_inside(env->proc);
}
