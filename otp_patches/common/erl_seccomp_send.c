/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: whom a restricted process may send to.
 *
 * A message is a second call gate: servers do what messages tell them, and no
 * policy holds those. So a policy has a rule for targets too, and every way by
 * which a process makes a chosen signal reach a chosen target asks here. The
 * rule itself lies in memory of the library and is read without asking it; the
 * library is told of what the rule refuses, and says what comes of that.
 *
 * Who does not have ERTS_SECCOMP_SEND in Process.seccomp never gets here.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "error.h"
#include "bif.h"
#include "erl_monitor_link.h"
#include "erl_bif_unique.h"
#include "register.h"
#include "erl_port.h"
#include "erl_seccomp.h"

#ifndef ERTS_ML_GET_TYPE /* before OTP 28 */
#  define ERTS_ML_GET_TYPE(Mon) ((Mon)->type)
#endif

static Eterm am_io_reply, am_order;

/* Set and read as erts_seccomp_bits are. */
static const ErtsSeccompSend *rules[ERTS_SECCOMP_MAX_POLICIES];

/* What a rule is asked about. */
typedef struct {
    Eterm to;     /* as given: a pid, name, port, alias or {Name, Node} */
    Eterm id;     /* the local process or port behind it, or am_undefined */
    Eterm name;   /* the name by which it is addressed, or THE_NON_VALUE */
    Eterm node;   /* of a remote target, else THE_NON_VALUE */
    int managed;  /* on a scheduler that is not dirty */
    Uint32 kinds; /* ERTS_SECCOMP_SEND_* that it is */
    int peer;     /* a process under the same policy */
} Target;

void erts_seccomp_send_init(void)
{
    am_io_reply = am_atom_put("io_reply", 8);
    am_order = am_atom_put("order", 5);
}

/* -- What a target is ----------------------------------------------------- */

static Eterm node_of(Eterm to)
{
    if (is_external(to))
        return external_dist_entry(to)->sysname;
    return THE_NON_VALUE;
}

/* Fills in all but the kinds. Zero: nothing that can be sent to. */
static int identify(Process *c_p, Eterm to, int managed, Target *t)
{
    t->to = to;
    t->id = am_undefined;
    t->name = t->node = THE_NON_VALUE;
    t->managed = managed;
    t->kinds = 0;
    t->peer = 0;

    if (is_internal_pid(to) || is_internal_port(to))
        t->id = to;
    else if (is_internal_ref(to))
        t->id = erts_get_pid_of_ref(to);
    else if (is_external_pid(to) || is_external_port(to) || is_external_ref(to))
        t->node = node_of(to);
    else if (is_atom(to))
        t->name = to;
    else if (is_tuple_arity(to, 2) && is_atom(tuple_val(to)[1])
             && is_atom(tuple_val(to)[2])) {
        t->name = tuple_val(to)[1];
        if (tuple_val(to)[2] != erts_this_dist_entry->sysname)
            t->node = tuple_val(to)[2];
    } else
        return 0;

    if (is_value(t->name) && is_non_value(t->node) && managed)
        t->id = erts_whereis_name_to_id(c_p, t->name);
    return 1;
}

/* Zero: there is no such process, so whatever it is sent has no effect. */
static int kinds_of_process(Process *c_p, Target *t)
{
    Process *rp = t->managed ? erts_proc_lookup(t->id)
                             : erts_proc_lookup_inc_refc(t->id);

    if (!rp)
        return 0;
    if (rp == c_p)
        t->kinds |= ERTS_SECCOMP_SEND_SELF;
    if (rp->parent == c_p->common.id)
        t->kinds |= ERTS_SECCOMP_SEND_CHILDREN;
    if (c_p->parent == t->id)
        t->kinds |= ERTS_SECCOMP_SEND_PARENT;
    if (c_p->group_leader == t->id && (rp->seccomp & ERTS_SECCOMP_SERVES_IO))
        t->kinds |= ERTS_SECCOMP_SEND_GROUP_LEADER;
    t->peer = (rp->seccomp & ERTS_SECCOMP_E)
              && (rp->seccomp >> ERTS_SECCOMP_POLICY_SHIFT)
                     == (c_p->seccomp >> ERTS_SECCOMP_POLICY_SHIFT);
    if (!t->managed)
        erts_proc_dec_refc(rp);
    return 1;
}

/* A port counts as a child of the process that it is connected to. */
static int kinds_of_port(Process *c_p, Target *t)
{
    Port *prt = erts_thr_port_lookup(t->id, ERTS_PORT_SFLGS_INVALID_LOOKUP);

    if (!prt)
        return 0;
    if (ERTS_PORT_GET_CONNECTED(prt) == c_p->common.id)
        t->kinds |= ERTS_SECCOMP_SEND_CHILDREN;
    erts_port_dec_refc(prt);
    return 1;
}

/* Zero: sending to it has no effect. */
static int classify(Process *c_p, Target *t)
{
    if (is_internal_pid(t->id))
        return kinds_of_process(c_p, t);
    if (is_internal_port(t->id))
        return kinds_of_port(c_p, t);
    if (is_external_pid(t->to) && is_external_pid(c_p->parent)
        && eq(t->to, c_p->parent))
        t->kinds |= ERTS_SECCOMP_SEND_PARENT;
    return 1;
}

/* The reference that a reply carries, or THE_NON_VALUE if msg is none. */
static Eterm reference_of_reply(Eterm msg)
{
    Eterm *tp, tag = THE_NON_VALUE;

    if (is_tuple_arity(msg, 2)) {
        tag = tuple_val(msg)[1]; /* {Mref, _}, {[alias|Mref], _} */
        if (is_list(tag) && CAR(list_val(tag)) == am_alias)
            tag = CDR(list_val(tag));
    } else if (is_tuple_arity(msg, 3)) {
        tp = tuple_val(msg);
        if (tp[1] == am_io_reply)
            tag = tp[2];
    }
    return is_value(tag) && is_ref(tag) ? tag : THE_NON_VALUE;
}

/*
 * Whether the target waits for this message: it monitors this process, and
 * the message carries that monitor's reference where a reply does. Whoever
 * makes a request monitors the server before it sends, and signals keep their
 * order, so the monitor is here when the request is. A monitor alone makes no
 * target: supervisors and registries have one, too. That the target is an
 * alias does not either: what it is sent has to be a reply, because its owner
 * may be a server that will read whatever else comes.
 */
static int is_reply(Process *c_p, const Target *t, Eterm msg)
{
    Eterm ref = reference_of_reply(msg);
    ErtsMonitor *first, *mon;

    if (is_non_value(ref) || (is_ref(t->to) && !eq(t->to, ref)))
        return 0;
    if (is_value(t->node)) {
        mon = erts_monitor_tree_lookup(ERTS_P_MONITORS(c_p), ref);
        return mon && erts_monitor_is_target(mon)
            && ERTS_ML_GET_TYPE(mon) == ERTS_MON_TYPE_DIST_PROC
            && (is_ref(t->to) || eq(mon->other.item, t->to));
    }
    mon = first = erts_monitor_list_first(ERTS_P_LT_MONITORS(c_p));
    while (mon) {
        if (ERTS_ML_GET_TYPE(mon) == ERTS_MON_TYPE_PROC && mon->other.item == t->id
            && eq(erts_monitor_to_data(mon)->ref, ref))
            return 1;
        mon = mon->node.list.next;
        if (mon == first)
            break;
    }
    return 0;
}

/* -- What the rule says ---------------------------------------------------- */

static int is_named(Process *c_p, const ErtsSeccompSendSet *set,
                    const Target *t)
{
    Uint32 i;

    if (is_value(t->node)) {
        for (i = 0; i < set->n_remote; i++)
            if (is_value(t->name) && set->remote[2 * i] == t->name
                && set->remote[2 * i + 1] == t->node)
                return 1;
        return 0;
    }
    for (i = 0; i < set->n_pids; i++)
        if (set->pids[i] == t->id)
            return 1;
    for (i = 0; i < set->n_names; i++)
        if (set->names[i] == t->name
            || (t->managed && t->id != am_undefined
                && erts_whereis_name_to_id(c_p, set->names[i]) == t->id))
            return 1;
    return 0;
}

/* Each set of the rule has to allow the target. */
static int allows(Process *c_p, const ErtsSeccompSend *rule, Target *t,
                  Eterm msg)
{
    Uint32 i, asked = 0;

    for (i = 0; i < rule->n_sets; i++) {
        const ErtsSeccompSendSet *set = &rule->sets[i];

        if (set->kinds & t->kinds)
            continue;
        if ((set->kinds & ERTS_SECCOMP_SEND_REPLIES) && !asked) {
            asked = 1;
            if (is_value(msg) && is_reply(c_p, t, msg)) {
                t->kinds |= ERTS_SECCOMP_SEND_REPLIES;
                continue;
            }
        }
        if (!is_named(c_p, set, t))
            return 0;
    }
    return rule->n_sets > 0;
}

static int may_send(Process *c_p, Target *t, Eterm msg)
{
    const ErtsSeccompSend *rule =
        rules[c_p->seccomp >> ERTS_SECCOMP_POLICY_SHIFT];

    return rule && allows(c_p, rule, t, msg);
}

/*
 * Whether it is an order, which OTP's servers obey before their own code sees
 * it, so that whoever may send it has them call any function. That a target is
 * the parent, or has a name in the rule, does not mean it. Who is held by the
 * same policy does nothing that this process may not do.
 */
static int is_order(const Target *t, Eterm msg)
{
    const Uint32 own = ERTS_SECCOMP_SEND_SELF | ERTS_SECCOMP_SEND_CHILDREN
                       | ERTS_SECCOMP_SEND_GROUP_LEADER;

    return is_value(msg) && !(t->kinds & own) && !t->peer
           && erts_seccomp_is_order(msg);
}

/* -- Refusing -------------------------------------------------------------- */

/* Non-zero: denied, with the exception set. */
static int deny(Process *c_p, const Target *t, int order,
                const ErtsCodeMFA *mfa)
{
    const ErtsSeccompHooks *h = erts_seccomp_judge(c_p);
    Eterm *hp, to = t->to, target = is_value(t->name) ? t->name
                   : is_value(t->node) ? am_pid : t->id;
    Sint32 verdict = ERTS_SECCOMP_RAISE;

    if (h)
        verdict = h->send_denied(c_p->common.id, mfa->module, mfa->function,
                                 (Uint32) mfa->arity, target,
                                 is_value(t->node) ? t->node : NIL);
    if (verdict == ERTS_SECCOMP_ALLOW || verdict == ERTS_SECCOMP_LOG)
        return 0;
    if (order) {
        hp = HAlloc(c_p, 3);
        to = TUPLE2(hp, am_order, to);
    }
    return erts_seccomp_refuse(c_p, mfa, to, verdict);
}

/* -- For the emulator ------------------------------------------------------ */

/*
 * A message. Non-zero: denied, with the exception set. *to is what the message
 * has to be sent to then: a name that the rule allows because of who has it
 * just now must not be looked up twice.
 */
int erts_seccomp_message(Process *c_p, Eterm *to, Eterm msg,
                         const ErtsCodeMFA *mfa)
{
    Target t;

    if (!identify(c_p, *to, 1, &t))
        return 0; /* a badarg */
    if (!classify(c_p, &t) && is_non_value(t.name))
        return 0;
    if (may_send(c_p, &t, msg)) {
        if (is_order(&t, msg))
            return deny(c_p, &t, 1, mfa);
        if (is_value(t.name) && t.kinds && t.id != am_undefined)
            *to = t.id;
        /* Port ! {Owner, {connect, Pid}}: see erts_port_command(). */
        if (is_internal_port(t.id) && is_tuple_arity(msg, 2)
            && is_tuple_arity(tuple_val(msg)[2], 2)
            && tuple_val(tuple_val(msg)[2])[1] == am_connect)
            return erts_seccomp_signal(c_p, tuple_val(tuple_val(msg)[2])[2],
                                       mfa);
        return 0;
    }
    /* An answer that comes too late: the alias is gone and its message would
     * be dropped, so it is. Servers cannot know and must not fail. */
    if (is_ref(*to) && is_value(reference_of_reply(msg))
        && eq(reference_of_reply(msg), *to)) {
        *to = ERTS_INVALID_PID;
        return 0;
    }
    return deny(c_p, &t, 0, mfa);
}

/* Where nothing is a reply. */
static int check_signal(Process *c_p, Target *t, Eterm msg,
                        const ErtsCodeMFA *mfa)
{
    t->kinds &= ~ERTS_SECCOMP_SEND_GROUP_LEADER;
    if (!may_send(c_p, t, THE_NON_VALUE))
        return deny(c_p, t, 0, mfa);
    return is_order(t, msg) ? deny(c_p, t, 1, mfa) : 0;
}

/* Any other signal. */
int erts_seccomp_signal(Process *c_p, Eterm to, const ErtsCodeMFA *mfa)
{
    Target t;

    if (!identify(c_p, to, 1, &t))
        return 0;
    if (!classify(c_p, &t) && is_non_value(t.name))
        return 0;
    return check_signal(c_p, &t, THE_NON_VALUE, mfa);
}

/* A message later on, or THE_NON_VALUE if the timer wraps it up. A timer looks
 * a name up when it fires: the name itself must be allowed. */
int erts_seccomp_timer(Process *c_p, Eterm to, Eterm msg,
                       const ErtsCodeMFA *mfa)
{
    Target t;

    if (!identify(c_p, to, is_not_atom(to), &t))
        return 0;
    if (is_not_atom(to) && !classify(c_p, &t) && is_non_value(t.name))
        return 0;
    return check_signal(c_p, &t, msg, mfa);
}

/*
 * group_leader/2. Whoever is made the group leader of a process is sent its io
 * requests and may answer them, so only the process itself and its children
 * can be given one; and that has to be one that it may send to, for all that
 * is printed goes there.
 */
int erts_seccomp_group_leader(Process *c_p, Eterm leader, Eterm pid,
                              const ErtsCodeMFA *mfa)
{
    Target t;

    if (is_not_pid(pid) || !identify(c_p, pid, 1, &t))
        return 0;
    if (!classify(c_p, &t))
        return 0;
    if (!(t.kinds & (ERTS_SECCOMP_SEND_SELF | ERTS_SECCOMP_SEND_CHILDREN)))
        return deny(c_p, &t, 0, mfa);
    if (leader == c_p->group_leader)
        return 0;
    return erts_seccomp_signal(c_p, leader, mfa);
}

/* The options of ets:new/2 and ets:setopts/2: the heir of a table gets a
 * message when its owner ends. */
int erts_seccomp_heir(Process *c_p, Eterm opts, const ErtsCodeMFA *mfa)
{
    Eterm single[2], list = opts;

    if (is_tuple(opts))
        list = CONS(single, opts, NIL);
    for (; is_list(list); list = CDR(list_val(list))) {
        Eterm opt = CAR(list_val(list));

        if (is_tuple_arity(opt, 3) && tuple_val(opt)[1] == am_heir
            && is_internal_pid(tuple_val(opt)[2])
            && erts_seccomp_signal(c_p, tuple_val(opt)[2], mfa))
            return 1;
    }
    return 0;
}

/*
 * A message or port command by a NIF in the name of the process, which may run
 * on a dirty scheduler: neither names nor monitors can be looked at there.
 * Non-zero: it must not be sent; there is no way to raise here.
 */
int erts_seccomp_nif_send(Process *c_p, Eterm to)
{
    static const ErtsCodeMFA mfa = {am_erlang, am_send, 2};
    const ErtsSeccompHooks *h = erts_seccomp_judge(c_p);
    Sint32 verdict;
    Target t;

    if (!identify(c_p, to, 0, &t) || !classify(c_p, &t)
        || may_send(c_p, &t, THE_NON_VALUE))
        return 0;
    verdict = h ? h->send_denied(c_p->common.id, mfa.module, mfa.function, 2,
                                 t.id, NIL)
                : ERTS_SECCOMP_RAISE;
    return verdict != ERTS_SECCOMP_ALLOW && verdict != ERTS_SECCOMP_LOG;
}

/* -- For the library ------------------------------------------------------- */

/* Gives a policy its rule, or takes it away (NULL) when no process has it. A
 * process with ERTS_SECCOMP_SEND and no rule sends nothing. */
int erl_seccomp_set_send(Uint32 policy, const ErtsSeccompSend *rule)
{
    if (policy == ERTS_SECCOMP_DENY_ALL || policy >= ERTS_SECCOMP_MAX_POLICIES)
        return 1;
    rules[policy] = rule;
    ETHR_MEMBAR(ETHR_StoreStore);
    return 0;
}

/* Makes the calling process a group leader that restricted processes may use.
 * It has to be trusted and take no function to call from anybody. */
int erl_seccomp_serve_io(ErlNifEnv *env)
{
    if (env->proc->seccomp & ERTS_SECCOMP_E)
        return 1;
    env->proc->seccomp |= ERTS_SECCOMP_SERVES_IO;
    return 0;
}
