/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: the emulator's side. See erl_seccomp.h.
 *
 * Everything here refuses when in doubt: without a library, without an answer
 * from it, or with a policy that it no longer knows, a restricted process
 * makes no call.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "error.h"
#include "bif.h"
#include "erl_message.h"
#include "erl_proc_sig_queue.h"
#include "erl_trace.h"
#include "export.h"
#include "erl_seccomp.h"
#include "erl_seccomp_gate.h"
#include "erl_seccomp_origin.h"
#include "erl_seccomp_guard.h"
#include "erl_seccomp_dist.h"

/* The check is part of the interpreter, and of the JIT of machines for which it
 * is written. Where nothing would enforce a policy, nobody is put under one. */
int erts_seccomp_emitted;
#ifdef BEAMASM
#  define ENFORCED (erts_seccomp_emitted == ERTS_SECCOMP_CHECKS)
#else
#  define ENFORCED 1
#endif

erts_atomic32_t *erts_seccomp_bits[ERTS_SECCOMP_MAX_POLICIES];

/* The bits of ERTS_SECCOMP_DENY_ALL, and of numbers that no policy has. */
static erts_atomic32_t no_bits[ERTS_SECCOMP_EXPORTS / 32];

static erts_atomic_t registered; /* ErtsSeccompHooks *, set once */
static erts_atomic32_t last_ix;

/* How many export entries erts_seccomp_stub() may make. */
#define MAX_STUBS 4096
static erts_atomic32_t stubs;

/* The functions of the library, or NULL before it is loaded. */
static ERTS_INLINE const ErtsSeccompHooks *hooks(void)
{
    return (const ErtsSeccompHooks *) erts_atomic_read_acqb(&registered);
}

/* The same, for the other files. */
const ErtsSeccompHooks *erts_seccomp_hooks(void)
{
    return hooks();
}

/* Called once, before there is an export entry or a process. */
void erts_seccomp_init(void)
{
    erts_atomic_init_nob(&registered, (erts_aint_t) NULL);
    erts_atomic32_init_nob(&last_ix, 0);
    erts_atomic32_init_nob(&stubs, 0);
    erts_seccomp_bits[ERTS_SECCOMP_DENY_ALL] = no_bits;
    erts_seccomp_refuse_init();
    erts_seccomp_origin_init();
    erts_seccomp_guard_init();
    erts_seccomp_dist_init();
    erts_seccomp_send_init();
    erts_seccomp_gate_init();
}

/* The number of a new export entry. Numbers are never used twice, as the bit
 * of the former owner may be set; entries that come too late share number 0. */
Uint32 erts_seccomp_new_ix(void)
{
    erts_aint32_t ix = erts_atomic32_read_nob(&last_ix);

    while ((Uint32) ix < ERTS_SECCOMP_EXPORTS - 1) {
        erts_aint32_t found =
            erts_atomic32_cmpxchg_nob(&last_ix, ix + 1, ix);
        if (found == ix)
            return ix + 1;
        ix = found;
    }
    return 0;
}

/* Who decides about a restricted process. Nobody does about one that has
 * ERTS_SECCOMP_DENY_ALL, whatever the library thinks that it has. */
const ErtsSeccompHooks *erts_seccomp_judge(Process *c_p)
{
    Uint32 policy = c_p->seccomp >> ERTS_SECCOMP_POLICY_SHIFT;

    return policy == ERTS_SECCOMP_DENY_ALL ? NULL : hooks();
}

/* Asks the library about a call. Non-zero: denied, with the exception set. */
static int ask(Process *c_p, Eterm m, Eterm f, Uint a, const Eterm *args,
               Sint32 *verdict)
{
    const ErtsSeccompHooks *h = erts_seccomp_judge(c_p);

    *verdict = h ? h->decide(c_p->common.id, m, f, (Uint32) a, args)
                 : ERTS_SECCOMP_RAISE;
    if (*verdict == ERTS_SECCOMP_ALLOW || *verdict == ERTS_SECCOMP_LOG
        || *verdict == ERTS_SECCOMP_GATE || *verdict == ERTS_SECCOMP_ONCE)
        return 0;
    erts_seccomp_refuse_call(c_p, m, f, a, THE_NON_VALUE, *verdict);
    return 1;
}

/* A call through an export entry, with its arguments where they are at hand.
 * Positive: denied, with the exception set. Negative: allowed, and it is a
 * gate. */
int erts_seccomp_check_args(Process *c_p, const Export *ep, const Eterm *args)
{
    Uint32 word = c_p->seccomp;

    if (word & ERTS_SECCOMP_CHECKED) {
        const ErtsCodeMFA *mfa = &ep->info.mfa;
        Uint32 policy = word >> ERTS_SECCOMP_POLICY_SHIFT;
        erts_atomic32_t *word32 =
            &erts_seccomp_bits[policy][ep->seccomp_ix / 32];
        Uint32 bit = (Uint32) 1 << (ep->seccomp_ix % 32);
        Sint32 verdict;

        if (!((Uint32) erts_atomic32_read_nob(word32) & bit)) {
            if (erts_seccomp_is_gate(policy, ep->seccomp_ix))
                return -1;
            if (ask(c_p, mfa->module, mfa->function, mfa->arity, args,
                    &verdict))
                return 1;
            if (verdict == ERTS_SECCOMP_GATE) {
                erts_seccomp_found_gate(policy, ep->seccomp_ix);
                return -1;
            }
            if (verdict == ERTS_SECCOMP_ALLOW && ep->seccomp_ix != 0)
                erts_atomic32_read_bor_nob(word32, (erts_aint32_t) bit);
        }
    }
    return 0;
}

/* The same where the arguments are not at hand: a call that they decide about
 * is denied. */
int erts_seccomp_check(Process *c_p, const Export *ep)
{
    return erts_seccomp_check_args(c_p, ep, NULL);
}

/* The same where no gate can be opened. Non-zero: denied. */
int erts_seccomp_denies(Process *c_p, const Export *ep)
{
    return erts_seccomp_check(c_p, ep) > 0;
}

/*
 * In the JIT: a call whose bit is not set, or by a process with a save_calls
 * buffer. Non-zero: denied, with the exception set.
 */
int erts_seccomp_call(Process *c_p, const Export *ep)
{
    if (erts_seccomp_denies(c_p, ep))
        return 1;
    if (ERTS_PROC_GET_SAVED_CALLS_BUF(c_p))
        save_calls(c_p, (Export *) ep); /* const from OTP 29 on */
    return 0;
}

/*
 * An apply of a function that has no export entry goes to the error handler.
 * For a restricted process it gets an entry, which goes there too but passes
 * the check on the way. Programs choose what they apply or make funs of, and
 * entries stay for good until the emulator has no more and ends: so there is
 * an end to it before that; NULL then, or without a policy.
 */
Export *erts_seccomp_stub(Process *c_p, Eterm m, Eterm f, Uint a)
{
    erts_aint32_t newest = erts_atomic32_read_nob(&last_ix);
    Export *ep;

    if (!(c_p->seccomp & ERTS_SECCOMP_CHECKED))
        return NULL;
    ep = (Export *) erts_active_export_entry(m, f, a);
    if (ep != NULL || erts_atomic32_read_nob(&stubs) >= MAX_STUBS)
        return ep;
    ep = (Export *) erts_export_get_or_make_stub(m, f, a);
    /* Until code is loaded, an entry made here is found here alone. */
    if (ep->seccomp_ix == 0 || ep->seccomp_ix > (Uint32) newest)
        erts_atomic32_inc_nob(&stubs);
    return ep;
}

/* The same without an entry. Non-zero: denied, with the exception set; its
 * stack trace starts with apply/3 and not with the function applied. */
int erts_seccomp_undef(Process *c_p, Eterm m, Eterm f, Uint a)
{
    Sint32 verdict;

    if (!(c_p->seccomp & ERTS_SECCOMP_CHECKED))
        return 0;
    return ask(c_p, m, f, a, NULL, &verdict);
}

/* A spawn through the function given. Gives freason when denied, else 0. */
int erts_seccomp_spawn(Process *c_p, const ErtsCodeMFA *mfa)
{
    const ErtsSeccompHooks *h = erts_seccomp_judge(c_p);
    Uint32 must = ERTS_SECCOMP_E | ERTS_SECCOMP_S;
    Sint32 verdict;

    if ((c_p->seccomp & must) != must)
        return 0;
    verdict = h ? h->decide_spawn(c_p->common.id, mfa->module, mfa->function,
                                  (Uint32) mfa->arity)
                : ERTS_SECCOMP_RAISE;
    if (verdict == ERTS_SECCOMP_ALLOW || verdict == ERTS_SECCOMP_LOG)
        return 0;
    return erts_seccomp_refuse(c_p, mfa, THE_NON_VALUE, verdict);
}

/* The same for a local spawn. The BIF is told by the options it leaves. */
int erts_seccomp_create(Process *parent, const ErlSpawnOpts *so)
{
    Export *bif;

    if (!(parent->seccomp & ERTS_SECCOMP_S))
        return 0;
    if (so->flags & SPO_ASYNC)
        bif = BIF_TRAP_EXPORT(BIF_erts_internal_spawn_request_4);
    else if (is_nil(so->opts))
        bif = BIF_TRAP_EXPORT(BIF_spawn_3);
    else if (is_list(so->opts) && CAR(list_val(so->opts)) == am_link
             && is_nil(CDR(list_val(so->opts))))
        bif = BIF_TRAP_EXPORT(BIF_spawn_link_3);
    else
        bif = BIF_TRAP_EXPORT(BIF_spawn_opt_4);
    return erts_seccomp_spawn(parent, &bif->info.mfa);
}

/* What a child of this parent starts with. */
Uint32 erts_seccomp_inherit(Process *parent, Eterm child)
{
    const ErtsSeccompHooks *h = hooks();
    Uint32 must = ERTS_SECCOMP_E | ERTS_SECCOMP_I;
    int inherits = (parent->seccomp & must) == must;
    Uint32 origin, word;

    if (erts_seccomp_acts_for(parent, &origin)) {
        if (h && h->inherit_origin(parent->common.id, child, inherits, origin,
                                   &word) == 0)
            return word;
    } else if (!inherits)
        return 0;
    else if (h && h->inherit(parent->common.id, child) == 0)
        return erts_seccomp_closed(parent->seccomp & ~ERTS_SECCOMP_SAVE_CALLS);
    return ERTS_SECCOMP_DENY_ALL_WORD;
}

/* The process has ended and runs no more code. */
void erts_seccomp_exit(Process *c_p)
{
    const ErtsSeccompHooks *h = hooks();

    if (h && (c_p->seccomp & ERTS_SECCOMP_E))
        h->exited(c_p->common.id);
}

/* process_flag(save_calls, _) turned the buffer on or off. */
void erts_seccomp_save_calls(Process *c_p, int on)
{
    if (c_p->seccomp & ERTS_SECCOMP_E) {
        c_p->seccomp &= ~ERTS_SECCOMP_SAVE_CALLS;
        if (on)
            c_p->seccomp |= ERTS_SECCOMP_SAVE_CALLS;
    }
}

/* Carries out a request in the context of the process; in a NIF, with its
 * environment. */
static Sint32 apply_request(Process *c_p, ErlNifEnv *env, void *request)
{
    Uint32 old = erts_seccomp_closed(c_p->seccomp & ~ERTS_SECCOMP_SAVE_CALLS);
    Uint32 word = old;
    /* The code of a gate that tightens its own process goes on in it. */
    int inside = env && erts_seccomp_is_inside(c_p);
    Sint32 status = hooks()->apply(request, c_p->common.id, &word);

    if (status == ERTS_SECCOMP_OK) {
        Uint32 policy = word >> ERTS_SECCOMP_POLICY_SHIFT;

        if (policy >= ERTS_SECCOMP_MAX_POLICIES || !erts_seccomp_bits[policy])
            word = ERTS_SECCOMP_DENY_ALL_WORD;
        c_p->seccomp = inside ? erts_seccomp_opened(word) : word;
        erts_seccomp_save_calls(c_p,
                                ERTS_PROC_GET_SAVED_CALLS_BUF(c_p) != NULL);
        erts_seccomp_new_policy(c_p, env, old);
    }
    return status;
}

/*
 * For the library.
 */

/* ERTS_SECCOMP_ABI, or 0 where this emulator would not enforce anything. */
Uint32 erl_seccomp_abi(void)
{
    return ENFORCED ? ERTS_SECCOMP_ABI : 0;
}

/* Takes the library's functions, which must stay where they are for good.
 * Non-zero: refused, because of the ABI or of another library's functions. */
int erl_seccomp_register(const ErtsSeccompHooks *h)
{
    erts_aint_t old;

    if (!ENFORCED || h->abi != ERTS_SECCOMP_ABI)
        return 1;
    old = erts_atomic_cmpxchg_mb(&registered, (erts_aint_t) h,
                                 (erts_aint_t) NULL);
    return old != (erts_aint_t) NULL && old != (erts_aint_t) h;
}

/* Gives a policy its verdict bits (ERTS_SECCOMP_EXPORTS of them), or takes
 * them away (NULL) when no process has it. Non-zero: no such number. */
int erl_seccomp_set_bits(Uint32 policy, erts_atomic32_t *bits)
{
    if (policy == ERTS_SECCOMP_DENY_ALL || policy >= ERTS_SECCOMP_MAX_POLICIES)
        return 1;
    erts_seccomp_bits[policy] = bits ? bits : no_bits;
    ETHR_MEMBAR(ETHR_StoreStore);
    return 0;
}

/* Reads Process.seccomp of a live local process. Non-zero: there is none. */
int erl_seccomp_word(Eterm pid, Uint32 *word)
{
    Process *rp = is_internal_pid(pid) ? erts_proc_lookup(pid) : NULL;

    if (!rp)
        return 1;
    *word = erts_seccomp_closed(rp->seccomp) & ~ERTS_SECCOMP_SAVE_CALLS;
    return 0;
}

static ERL_NIF_TERM attached(ErlNifEnv *env, int argc,
                             const ERL_NIF_TERM argv[])
{
    return am_ok;
}

/*
 * Carries out a request for the calling process. *result is what the NIF must
 * return then: a trap, because running code keeps the code index that it was
 * scheduled in with, and only another one takes calls to the check.
 */
Sint32 erl_seccomp_attach_self(ErlNifEnv *env, void *request, Eterm *result)
{
    Sint32 status = apply_request(env->proc, env, request);

    if (status == ERTS_SECCOMP_OK)
        *result = enif_schedule_nif(env, "set_policy", 0, attached, 0, NULL);
    return status;
}

typedef struct {
    void *request;
    Eterm requester;
    ErtsORefThing tag;
} Attach;

/* Tells the requester {Tag, Status}, and frees the request's frame. */
static void attach_done(Process *c_p, Attach *at, Sint32 status)
{
    Process *rp = erts_proc_lookup(at->requester);

    if (rp) {
        Eterm *hp, msg;
        ErtsMessage *mp =
            erts_alloc_message(3 + sizeof(at->tag) / sizeof(Eterm), &hp);

        sys_memcpy((void *) hp, (void *) &at->tag, sizeof(at->tag));
        msg = make_internal_ref(hp);
        hp += sizeof(at->tag) / sizeof(Eterm);
        msg = TUPLE2(hp, msg,
                     status == ERTS_SECCOMP_OK ? am_ok
                                               : hooks()->status(status));
        ERL_MESSAGE_TOKEN(mp) = am_undefined;
        erts_queue_proc_message(c_p, rp, 0, mp, msg);
    }
    erts_free(ERTS_ALC_T_SIG_DATA, at);
}

/*
 * Runs in the context of the process of the request, when it handles signals.
 * Code that is running keeps its code index (see above), so when a receive or
 * a BIF handles them, the request is sent once more and the process made to
 * yield: the next time it is about to be scheduled in. process_flag_aux() in
 * bif.c tells the contexts apart in the same way.
 *
 * A BIF must not be made to yield before it has handled what it waits for. It
 * would be scheduled in again without a look at new signals, and a process
 * that goes on calling such BIFs would never get its policy.
 */
static Eterm attach_signal(Process *c_p, void *arg, int *reds,
                           ErlHeapFragment **bpp)
{
    Attach *at = arg;
    erts_aint32_t state = erts_atomic32_read_nob(&c_p->state);

    *reds = 1;
    if (!(state & ERTS_PSFLG_EXITING)) {
        if (state & (ERTS_PSFLG_RUNNING_SYS | ERTS_PSFLG_DIRTY_RUNNING_SYS
                     | ERTS_PSFLG_DIRTY_RUNNING)) {
            attach_done(c_p, at, apply_request(c_p, NULL, at->request));
            return am_ok;
        }
        if (is_value(erts_proc_sig_send_rpc_request(c_p, c_p->common.id, 0,
                                                    attach_signal, at))) {
            if ((c_p->flags & F_DELAY_GC)
                && !(c_p->sig_qs.flags & FS_FLUSHING_SIGS))
                *reds = -1; /* a receive: this one yields when told so, */
            else
                ERTS_VBUMP_ALL_REDS(c_p); /* and this one when it is done */
            return am_ok;
        }
    }
    hooks()->cancel(at->request);
    attach_done(c_p, at, ERTS_SECCOMP_NOPROC);
    return am_ok;
}

/*
 * Sends a request to another process. The caller gets the message {Tag, ok},
 * or {Tag, Status} with the library's term for a failure. Tag is a reference
 * from make_ref/0. ERTS_SECCOMP_NOPROC: the process does not exist and the
 * request is still the caller's.
 */
Sint32 erl_seccomp_attach(ErlNifEnv *env, Eterm pid, Eterm tag, void *request)
{
    Attach *at;

    if (!is_internal_pid(pid) || !is_internal_ordinary_ref(tag))
        return ERTS_SECCOMP_NOPROC;
    at = erts_alloc(ERTS_ALC_T_SIG_DATA, sizeof(Attach));
    at->request = request;
    at->requester = env->proc->common.id;
    sys_memcpy((void *) &at->tag, (void *) internal_ref_val(tag),
               sizeof(at->tag));
    if (is_value(erts_proc_sig_send_rpc_request(env->proc, pid, 0,
                                                attach_signal, at)))
        return ERTS_SECCOMP_OK;
    erts_free(ERTS_ALC_T_SIG_DATA, at);
    return ERTS_SECCOMP_NOPROC;
}
