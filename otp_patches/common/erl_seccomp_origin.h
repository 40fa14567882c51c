/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: for whom a process acts. See erl_seccomp_origin.c.
 *
 * The origin rides in the flags of the seq_trace token, above the bits that
 * seq_trace knows, so that every path of the token is one of the origin, too.
 */

#ifndef ERL_SECCOMP_ORIGIN_H__
#define ERL_SECCOMP_ORIGIN_H__

#include "erl_seccomp.h"
#include "erl_message.h"

/* The bits of seq_trace itself. */
#define ERTS_SECCOMP_TOKEN_USER ((Uint) 0x7f)
/* Nobody traces: the token is there for the origin alone, and not seen. */
#define ERTS_SECCOMP_TOKEN_SILENT ((Uint) 0x80)
/* There is an origin: its number, and how deep the stack was. */
#define ERTS_SECCOMP_TOKEN_ORIGIN ((Uint) 0x100)
#define ERTS_SECCOMP_TOKEN_ID_SHIFT 9
#define ERTS_SECCOMP_TOKEN_DEPTH_SHIFT 37
/* In a message: the receiver's own tracing goes on as if there were no token. */
#define ERTS_SECCOMP_TOKEN_BESIDE (((Uint) 1) << 57)

#define ERTS_SECCOMP_MAX_ID ((((Uint) 1) << 28) - 1)
#define ERTS_SECCOMP_MAX_DEPTH ((((Uint) 1) << 20) - 1)

/* The number of an origin that nobody knows: what acts for it may do nothing. */
#define ERTS_SECCOMP_UNKNOWN 0u
/* Set in erts_seccomp_origins when the policy has provenance. */
#define ERTS_SECCOMP_PROVENANCE 0x80000000u

extern Uint32 erts_seccomp_origins[ERTS_SECCOMP_MAX_POLICIES];

static ERTS_INLINE Uint erts_seccomp_token_flags(Eterm token)
{
    return is_tuple(token) ? unsigned_val(SEQ_TRACE_T_FLAGS(token)) : 0;
}

/* Whether somebody traces, as have_seqtrace() says where there are no
 * origins. */
#define erts_seccomp_have_seqtrace(T)                                       \
    (have_seqtrace(T)                                                       \
     && !(erts_seccomp_token_flags(T) & ERTS_SECCOMP_TOKEN_SILENT))

void erts_seccomp_origin_init(void);

/* Receiving. */
void erts_seccomp_receive(Process *c_p, ErtsMessage *msgp, Eterm *E);
void erts_seccomp_timeout(Process *c_p);
void erts_seccomp_hibernate(Process *c_p);

/* Requests by alias. The flag of a monitor: who made it acted for itself. */
#ifdef ERTS_ML_F_BASE /* from OTP 28 on there are 32 flags */
#  define ERTS_SECCOMP_ML_FLG_OWN (((Uint32) 1) << 30)
#else
#  define ERTS_SECCOMP_ML_FLG_OWN (((Uint32) 1) << 14)
#endif
Uint32 erts_seccomp_own_request(Process *c_p, Uint32 flags);
void erts_seccomp_answer(ErtsMessage *sig, Eterm alias, Eterm msg,
                         Uint32 flags);

/* Sending. */
#define ERTS_SECCOMP_TOKEN_SZ 6
int erts_seccomp_gives_away(Process *c_p);
int erts_seccomp_starts_timer(Process *c_p);
Eterm erts_seccomp_beside(Process *c_p, Eterm *hp);
Eterm erts_seccomp_with_origin(Uint flags, Uint32 origin);
Eterm erts_seccomp_token_out(Process *c_p, Eterm token);
int erts_seccomp_token_in(Eterm *ctl);
Uint erts_seccomp_token_place(Eterm *ctl);
Uint erts_seccomp_altact_flags(Eterm *ctl);

/* Spawning, and changes of the policy. */
/* Whether the token of a new process is a copy of its parent's, and the spawn is
 * seen as messages: not where a parent waits for the pid and nobody traces. */
#define erts_seccomp_copies_token(Parent, So, T)                            \
    ((Parent) && !((So)->flags & SPO_ASYNC) ? erts_seccomp_have_seqtrace(T) \
                                            : have_seqtrace(T))
int erts_seccomp_acts_for(Process *c_p, Uint32 *origin);
void erts_seccomp_child(Process *child);
void erts_seccomp_new_policy(Process *c_p, ErlNifEnv *env, Uint32 old);

/* What users of seq_trace see and change. */
void erts_seccomp_trace(Process *c_p);
int erts_seccomp_keep(Eterm token);
Eterm erts_seccomp_hide(Eterm token);
Eterm erts_seccomp_shown(Process *c_p);

#endif /* ERL_SECCOMP_ORIGIN_H__ */
