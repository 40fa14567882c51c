/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: per-process policies on function calls.
 *
 * A process under a policy is "restricted". The emulator finds out whether it
 * may make a call by looking at one bit; rules and policies themselves live in
 * a NIF library, which registers itself here and is asked when the bit is not
 * set. This header is all that the emulator and that library share, so every
 * change of a type or a function below bumps ERTS_SECCOMP_ABI.
 */

#ifndef ERL_SECCOMP_H__
#define ERL_SECCOMP_H__

#include "sys.h"
#include "erl_process.h"
#include "erl_nif.h"

#define ERTS_SECCOMP_ABI 5

/*
 * Process.seccomp is zero for a process without policy. Else its low byte
 * holds the flags E, M, S and I, and one bit below that nobody is shown.
 */
#define ERTS_SECCOMP_E 0x80u /* under a policy; unset: nothing below counts */
#define ERTS_SECCOMP_M 0x40u /* the policy is a blacklist */
#define ERTS_SECCOMP_S 0x20u /* may not spawn */
#define ERTS_SECCOMP_I 0x10u /* children inherit the policy */
#define ERTS_SECCOMP_FLAGS 0xffu

/* Inside of a gate: ERTS_SECCOMP_SEND is to be set again. */
#define ERTS_SECCOMP_GATE_SEND 0x01u

/* Calls are checked: with E, but for the time inside of a gate. */
#define ERTS_SECCOMP_CHECKED 0x800u

/* The process has a save_calls buffer as well, so the short cut of the JIT past
 * erts_seccomp_call() must not be taken. */
#define ERTS_SECCOMP_SAVE_CALLS 0x100u

/* The policy has a rule for sending that does not allow all: signals have to
 * be checked. */
#define ERTS_SECCOMP_SEND 0x200u

/* Not a restricted process, but a group leader that these may use: it applies
 * no function for anybody. */
#define ERTS_SECCOMP_SERVES_IO 0x400u

/* The rest is the number of the policy: an index into erts_seccomp_bits. */
#define ERTS_SECCOMP_POLICY_SHIFT 12
#define ERTS_SECCOMP_MAX_POLICIES (1u << 20)

/* A policy that nobody has: it allows no call. A process gets it when the
 * library could not say what it should have instead. */
#define ERTS_SECCOMP_DENY_ALL 0u
/* The word of a process with that. */
#define ERTS_SECCOMP_DENY_ALL_WORD                                          \
    (ERTS_SECCOMP_DENY_ALL << ERTS_SECCOMP_POLICY_SHIFT | ERTS_SECCOMP_E    \
     | ERTS_SECCOMP_S | ERTS_SECCOMP_SEND | ERTS_SECCOMP_CHECKED)

/* How many export entries can have a bit of their own. Entry number 0 stands
 * for all others; its bit is never set. */
#define ERTS_SECCOMP_EXPORTS (512u * 1024u)

/* What the library says of a call. */
#define ERTS_SECCOMP_ALLOW 0 /* always allowed: set the bit */
#define ERTS_SECCOMP_LOG 1   /* allowed this time: ask again */
#define ERTS_SECCOMP_RAISE 2 /* raise an error */
#define ERTS_SECCOMP_KILL 3  /* end the process */
#define ERTS_SECCOMP_GATE 4  /* always allowed, and opens a gate */
#define ERTS_SECCOMP_ONCE 5  /* allowed with these arguments: ask again */

/* What a match specification makes of the arguments of a call. */
#define ERTS_SECCOMP_ARGS_FALSE 0 /* false, or they do not match */
#define ERTS_SECCOMP_ARGS_TRUE 1
#define ERTS_SECCOMP_ARGS_OTHER 2 /* any other term, or it could not be run */

/* What happened to a request to put a process under a policy. */
#define ERTS_SECCOMP_OK 0
#define ERTS_SECCOMP_NOPROC 1

/* What a target can be to the process that sends: see ErtsSeccompSendSet. */
#define ERTS_SECCOMP_SEND_SELF 1u
#define ERTS_SECCOMP_SEND_PARENT 2u   /* the process that started it */
#define ERTS_SECCOMP_SEND_CHILDREN 4u /* a process or port that it started */
#define ERTS_SECCOMP_SEND_REPLIES 8u  /* it waits for this very message */
#define ERTS_SECCOMP_SEND_GROUP_LEADER 16u /* its own, if that serves io */

/* Targets that a policy allows. A rule for sending is one or several of these,
 * all of which have to allow a target: they are few, so they are searched. */
typedef struct {
    Uint32 kinds; /* ERTS_SECCOMP_SEND_* */
    Uint32 n_pids;
    Uint32 n_names;
    Uint32 n_remote;
    const Eterm *pids;   /* of this node */
    const Eterm *names;  /* registered on this node */
    const Eterm *remote; /* a name and a node each */
} ErtsSeccompSendSet;

typedef struct {
    Uint32 n_sets;
    const ErtsSeccompSendSet *sets;
} ErtsSeccompSend;

/*
 * What other nodes may do to this one: see erl_seccomp_guard.c.
 */
/* They may do nothing. */
#define ERTS_SECCOMP_GUARD_CLOSED 0x01u
/* There is a guard; what it does not allow is refused. */
#define ERTS_SECCOMP_GUARD_SET 0x20u
/* They may spawn, under the guard's policy. */
#define ERTS_SECCOMP_GUARD_SPAWN 0x02u
/* They may use all names but those that are protected, */
#define ERTS_SECCOMP_GUARD_ANY_NAME 0x04u
/* and the pid of any process without a name, or those pids that were written
 * for other nodes. */
#define ERTS_SECCOMP_GUARD_ANY_PID 0x08u
#define ERTS_SECCOMP_GUARD_GIVEN_PID 0x10u
/* What comes to such a process, even if it has a name, is the answer to
 * something, unless it is a request to a server of OTP. */
#define ERTS_SECCOMP_GUARD_ANSWERS 0x40u

/* What they may do to a process: send to, link to and monitor it; ask whether
 * the node is alive; send it exits and group leaders. */
#define ERTS_SECCOMP_GUARD_MESSAGES 0x01u
#define ERTS_SECCOMP_GUARD_PING 0x02u
#define ERTS_SECCOMP_GUARD_SIGNALS 0x04u
/* It accepts nothing, not even through an alias. */
#define ERTS_SECCOMP_GUARD_PROTECTED 0x08u
/* What it starts when it handles their messages is its own business. */
#define ERTS_SECCOMP_GUARD_TRUSTED 0x10u
/* Of the name seccomp_rshell_gate alone: remote calls enter through its module,
 * which has a shell for whoever asks for one. */
#define ERTS_SECCOMP_GUARD_GATE 0x20u
/* It applies functions for them, and gets requests for those alone that they
 * may call: see erl_seccomp_guard_calls.c. */
#define ERTS_SECCOMP_GUARD_CALLS 0x40u

typedef struct {
    Eterm name;
    Uint rights;
} ErtsSeccompGuardName;

/* A function that they may call; it runs under no policy of the guard. */
typedef struct {
    Eterm module;
    Eterm function;
    Uint arity;
} ErtsSeccompGuardCall;

/*
 * The functions of the library. All are called on scheduler threads, and may
 * be called with locks of the process held: they must neither block nor call
 * back, but for erl_seccomp_args_run(). Process identifiers are local pids, as terms.
 */
typedef struct {
    /* ERTS_SECCOMP_ABI of the header that the library was built for. */
    Uint32 abi;
    /* May the process call this function, with these arguments? NULL: they
     * are not known here. */
    Sint32 (*decide)(Eterm pid, Eterm module, Eterm function, Uint32 arity,
                     const Eterm *args);
    /* May it spawn, which the S flag forbids, through this function? */
    Sint32 (*decide_spawn)(Eterm pid, Eterm module, Eterm function,
                           Uint32 arity);
    /* Put the process under the policy of the request. Called in the context
     * of that process; consumes the request. Gives ERTS_SECCOMP_OK and the new
     * word for Process.seccomp, or a status above ERTS_SECCOMP_NOPROC that
     * only the library knows, and nothing has changed. */
    Sint32 (*apply)(void *request, Eterm pid, Uint32 *word);
    /* The process of the request has ended; consumes the request. */
    void (*cancel)(void *request);
    /* The term that tells the requester of a status. */
    Eterm (*status)(Sint32 status);
    /* The child gets its parent's policy. Non-zero: it could not be given. */
    Sint32 (*inherit)(Eterm parent, Eterm child);
    /* A restricted process has ended. */
    void (*exited)(Eterm pid);
    /* Provenance: the parent acts for an origin. The child gets the policy of
     * that, and the parent's as well when it inherits it; its word. Non-zero:
     * it could not be given. */
    Sint32 (*inherit_origin)(Eterm parent, Eterm child, Sint32 inherits,
                             Uint32 origin, Uint32 *word);
    /* The origin that stands for two; zero, which denies all, if unknown. */
    Uint32 (*meet_origins)(Uint32 one, Uint32 other);
    /* The guard, see erl_seccomp_guard.c. This node has asked for this
     * process: its word. Non-zero: nothing is known of a policy for it. */
    Sint32 (*guarded)(Eterm child, Eterm node, Uint32 *word);
    /* The guard refused a node to call M:F/A or what amounts to it, for a
     * process (a pid or name; `spawn` for one yet to come). */
    void (*refused)(Eterm node, Eterm target, Eterm module, Eterm function,
                    Uint32 arity);
    /* Between nodes, see erl_seccomp_dist.c. The hash of an origin's policy,
     * 32 bytes. Non-zero: there is none. */
    Sint32 (*hash_of_origin)(Uint32 origin, unsigned char *hash);
    /* The origin whose policy has this hash, or zero. */
    Uint32 (*origin_of_hash)(const unsigned char *hash);
    /* A node asks for a process on behalf of an origin: the child gets the
     * policy of that as well as any it has; its word. Non-zero: it could not
     * be given. */
    Sint32 (*remote_child)(Eterm child, Eterm node, Uint32 origin,
                           Uint32 *word);
    /* Sending: the rule does not allow this target to this function. It is a
     * local pid, port or name, or the atom pid for another node's process; the
     * node is an atom or NIL for this one. What to do? */
    Sint32 (*send_denied)(Eterm pid, Eterm module, Eterm function,
                          Uint32 arity, Eterm target, Eterm node);
    /* A gate: something that could be called comes in with this call of it.
     * What to do? ERTS_SECCOMP_LOG opens it all the same. */
    Sint32 (*gate_denied)(Eterm pid, Eterm module, Eterm function,
                          Uint32 arity);
} ErtsSeccompHooks;

struct export_;

/*
 * For the emulator.
 */

/* The verdict bits of each policy: bit N is set when the policy is known to
 * allow calls of the export entry whose seccomp_ix is N. */
extern erts_atomic32_t *erts_seccomp_bits[ERTS_SECCOMP_MAX_POLICIES];

/* How often the JIT has written the check into its fragments when it started:
 * once for all calls, and once for light BIFs. */
extern int erts_seccomp_emitted;
#define ERTS_SECCOMP_CHECKS 2

void erts_seccomp_init(void);
const ErtsSeccompHooks *erts_seccomp_hooks(void);
Uint32 erts_seccomp_new_ix(void);
int erts_seccomp_check(Process *c_p, const struct export_ *ep);
int erts_seccomp_check_args(Process *c_p, const struct export_ *ep,
                            const Eterm *args);
int erts_seccomp_denies(Process *c_p, const struct export_ *ep);
int erts_seccomp_is_denial(Process *c_p);
int erts_seccomp_call(Process *c_p, const struct export_ *ep);
struct export_ *erts_seccomp_stub(Process *c_p, Eterm module, Eterm function,
                                  Uint arity);
int erts_seccomp_undef(Process *c_p, Eterm module, Eterm function,
                       Uint arity);
int erts_seccomp_spawn(Process *c_p, const ErtsCodeMFA *mfa);
int erts_seccomp_create(Process *parent, const ErlSpawnOpts *so);
Uint32 erts_seccomp_inherit(Process *parent, Eterm child);
void erts_seccomp_exit(Process *c_p);
void erts_seccomp_save_calls(Process *c_p, int on);
const ErtsSeccompHooks *erts_seccomp_judge(Process *c_p);

/*
 * Sending, see erl_seccomp_send.c. The macros are for the beginning of a BIF:
 * non-zero when the policy denies the signal, with the exception set.
 */
#define ERTS_SECCOMP_HAS_RULE(P) ((P)->seccomp & ERTS_SECCOMP_SEND)
#define ERTS_SECCOMP_MFA(Bif) (&BIF_TRAP_EXPORT(Bif)->info.mfa)
#define ERTS_SECCOMP_MESSAGE(P, To, Msg, Bif)                                 \
    (ERTS_SECCOMP_HAS_RULE(P)                                                 \
     && erts_seccomp_message((P), &(To), (Msg), ERTS_SECCOMP_MFA(Bif)))
#define ERTS_SECCOMP_SIGNAL(P, To, Bif)                                       \
    (ERTS_SECCOMP_HAS_RULE(P)                                                 \
     && erts_seccomp_signal((P), (To), ERTS_SECCOMP_MFA(Bif)))
#define ERTS_SECCOMP_TIMER(P, To, Msg, Bif)                                   \
    (ERTS_SECCOMP_HAS_RULE(P)                                                 \
     && erts_seccomp_timer((P), (To), (Msg), ERTS_SECCOMP_MFA(Bif)))
#define ERTS_SECCOMP_LEADER(P, Leader, Pid, Bif)                              \
    (ERTS_SECCOMP_HAS_RULE(P)                                                 \
     && erts_seccomp_group_leader((P), (Leader), (Pid),                       \
                                  ERTS_SECCOMP_MFA(Bif)))
#define ERTS_SECCOMP_HEIR(P, Opts, Bif)                                       \
    (ERTS_SECCOMP_HAS_RULE(P)                                                 \
     && erts_seccomp_heir((P), (Opts), ERTS_SECCOMP_MFA(Bif)))

void erts_seccomp_send_init(void);
int erts_seccomp_is_order(Eterm msg); /* in erl_seccomp_guard_shape.c */
void erts_seccomp_refuse_init(void);
int erts_seccomp_refuse_call(Process *c_p, Eterm module, Eterm function,
                             Uint arity, Eterm target, Sint32 verdict);
int erts_seccomp_refuse(Process *c_p, const ErtsCodeMFA *mfa, Eterm target,
                        Sint32 verdict);
void erts_seccomp_refuse_term(Process *c_p, Eterm what, Eterm target,
                              Sint32 verdict);
int erts_seccomp_message(Process *c_p, Eterm *to, Eterm msg,
                         const ErtsCodeMFA *mfa);
int erts_seccomp_signal(Process *c_p, Eterm to, const ErtsCodeMFA *mfa);
int erts_seccomp_timer(Process *c_p, Eterm to, Eterm msg,
                       const ErtsCodeMFA *mfa);
int erts_seccomp_group_leader(Process *c_p, Eterm leader, Eterm pid,
                              const ErtsCodeMFA *mfa);
int erts_seccomp_heir(Process *c_p, Eterm opts, const ErtsCodeMFA *mfa);
int erts_seccomp_nif_send(Process *c_p, Eterm to);

/*
 * For the library, which finds them with dlsym(): where they are missing, the
 * emulator does not have this patch. From OTP 29 on an emulator shows only what
 * it says it does.
 */

#pragma GCC visibility push(default)
Uint32 erl_seccomp_abi(void);
int erl_seccomp_register(const ErtsSeccompHooks *hooks);
int erl_seccomp_set_bits(Uint32 policy, erts_atomic32_t *bits);
int erl_seccomp_set_send(Uint32 policy, const ErtsSeccompSend *rule);
int erl_seccomp_serve_io(ErlNifEnv *env);
int erl_seccomp_has_gates(void);
int erl_seccomp_set_gates(Uint32 policy, erts_atomic32_t *bits);
int erl_seccomp_in_gate(ErlNifEnv *env);
int erl_seccomp_has_args(void);
void *erl_seccomp_args_new(Eterm spec);
void erl_seccomp_args_free(void *program);
Sint32 erl_seccomp_args_run(void *program, const Eterm *args, Uint32 arity);
int erl_seccomp_word(Eterm pid, Uint32 *word);
Sint32 erl_seccomp_attach_self(ErlNifEnv *env, void *request,
                               Eterm *result);
Sint32 erl_seccomp_attach(ErlNifEnv *env, Eterm pid, Eterm tag,
                          void *request);
int erl_seccomp_set_origin(Uint32 policy, Uint32 origin, Sint32 provenance);
int erl_seccomp_origin(ErlNifEnv *env, Uint32 *origin);
int erl_seccomp_forget_origin(ErlNifEnv *env);

int erl_seccomp_guard(Uint32 flags, Uint32 policy, Uint32 names,
                      const ErtsSeccompGuardName *name, Uint32 calls,
                      const ErtsSeccompGuardCall *call);
Uint32 erl_seccomp_guard_flags(Uint *refused);
#pragma GCC visibility pop

#endif /* ERL_SECCOMP_H__ */
