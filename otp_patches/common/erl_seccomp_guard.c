/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: what other nodes may do to this one. See
 * erl_seccomp_guard.h.
 *
 * A control message whose shape is not what it should be is left to dist.c,
 * which closes the connection. One that is refused gets the answer that its
 * sender would get if what it asks for did not exist.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "bif.h"
#include "register.h"
#include "erl_bif_unique.h"
#include "erl_message.h"
#include "external.h"
#include "erl_seccomp_guard.h"

typedef ErtsSeccompGuard Guard;

/* Beside the rights of a process, or all that it has: see
 * ERTS_SECCOMP_GUARD_ANSWERS. */
#define ANSWERS 0x100u

/* Refuses all. It holds from boot until the library sets another. */
static Guard closed = {.flags = ERTS_SECCOMP_GUARD_CLOSED};

erts_atomic_t erts_seccomp_guard_current;

/* What was refused before there was a library to tell of it. */
static erts_atomic_t unheard;

static Eterm am_seccomp;

void erts_seccomp_guard_init(void)
{
    erts_atomic_init_nob(&erts_seccomp_guard_current, 0);
    erts_atomic_init_nob(&unheard, 0);
    am_seccomp = am_atom_put("seccomp", 7);
    erts_seccomp_guard_shape_init();
    erts_seccomp_guard_calls_init();
}

/* Called before the first process: with "-seccomp_guard Profile" among the
 * arguments the node refuses all until the library knows what to allow. */
void erts_seccomp_guard_boot(int argc, char **argv)
{
    int i, on = 0;

    for (i = 0; i < argc && sys_strcmp(argv[i], "-extra") != 0; i++) {
        if (sys_strcmp(argv[i], "-seccomp_guard") == 0)
            on = 1;
    }
    if (on) {
        (void) erts_seccomp_guard_start_giving();
        erts_atomic_set_nob(&erts_seccomp_guard_current,
                            (erts_aint_t) &closed);
    }
}

/* What the guard says of a registered name: ERTS_SECCOMP_GUARD_NAME_*. */
static Uint32 of_name(const Guard *g, Eterm name)
{
    Uint32 low = 0, high = g->names;

    while (low < high) {
        Uint32 middle = low + (high - low) / 2;

        if (g->name[middle].name == name)
            return g->name[middle].rights;
        if (g->name[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return g->flags & ERTS_SECCOMP_GUARD_ANY_NAME ? ERTS_SECCOMP_GUARD_MESSAGES
                                                  : 0;
}

static Uint32 answers(const Guard *g, Eterm pid)
{
    return (g->flags & ERTS_SECCOMP_GUARD_ANSWERS)
           && erts_seccomp_guard_is_given(pid) ? ANSWERS : 0;
}

/* The same of a local process, by its name or, where it has none, by how the
 * other node may have come by its pid. */
static Uint32 of_pid(const Guard *g, Eterm pid)
{
    Process *rp = erts_proc_lookup(pid);
    Eterm name = erts_registered_name(pid);

    if (is_atom(name)) {
        Uint32 rights = of_name(g, name) & ~ERTS_SECCOMP_GUARD_PING;

        return rights ? rights : answers(g, pid);
    }
    if (!rp || (rp->static_flags & ERTS_STC_FLG_SYSTEM_PROC))
        return 0;
    if ((g->flags & ERTS_SECCOMP_GUARD_SPAWN)
        && (rp->seccomp & ERTS_SECCOMP_E)
        && rp->seccomp >> ERTS_SECCOMP_POLICY_SHIFT == g->policy)
        return ERTS_SECCOMP_GUARD_MESSAGES | ERTS_SECCOMP_GUARD_SIGNALS;
    if (g->flags & ERTS_SECCOMP_GUARD_ANY_PID)
        return ERTS_SECCOMP_GUARD_MESSAGES | ERTS_SECCOMP_GUARD_SIGNALS;
    if ((g->flags & ERTS_SECCOMP_GUARD_GIVEN_PID) && erts_seccomp_guard_is_given(pid))
        return ERTS_SECCOMP_GUARD_MESSAGES | answers(g, pid);
    return 0;
}

/* Counts what was refused: what it would have called, and whom it was for. */
static void record(DistEntry *dep, Eterm target, Eterm m, Eterm f, Uint32 a)
{
    const ErtsSeccompHooks *h = erts_seccomp_hooks();

    if (h)
        h->refused(dep->sysname, target, m, f, a);
    else
        erts_atomic_inc_nob(&unheard);
}

static int can_reply(ErtsDSigSendContext *ctx, DistEntry *dep, Uint32 conn_id)
{
    return erts_dsig_prepare(ctx, dep, NULL, 0, ERTS_DSP_NO_LOCK, 1, 1, 0)
               == ERTS_DSIG_PREP_CONNECTED
           && ctx->connection_id == conn_id;
}

static int is_from(DistEntry *dep, Eterm pid)
{
    return is_external_pid(pid) && external_pid_dist_entry(pid) == dep;
}

static int refuse_link(const Guard *g, DistEntry *dep, Uint32 conn_id,
                       Eterm *control)
{
    ErtsDSigSendContext ctx;

    if (arityval(*control) != 3 || !is_from(dep, control[2])
        || is_not_internal_pid(control[3])
        || (of_pid(g, control[3]) & ERTS_SECCOMP_GUARD_MESSAGES))
        return 0;
    record(dep, control[3], am_erlang, am_link, 1);
    if (can_reply(&ctx, dep, conn_id))
        erts_dsig_send_exit(&ctx, control[3], control[2], am_noproc);
    return 1;
}

static int refuse_monitor(const Guard *g, DistEntry *dep, Uint32 conn_id,
                          Eterm *control)
{
    ErtsDSigSendContext ctx;
    Eterm watched;
    Uint32 rights;

    if (arityval(*control) != 4 || !is_from(dep, control[2])
        || is_not_ref(control[4]))
        return 0;
    watched = control[3];
    if (is_internal_pid(watched))
        rights = of_pid(g, watched);
    else if (is_atom(watched))
        rights = of_name(g, watched);
    else
        return 0;
    if (rights & (ERTS_SECCOMP_GUARD_MESSAGES | ERTS_SECCOMP_GUARD_PING
                  | ERTS_SECCOMP_GUARD_CALLS))
        return 0;
    record(dep, watched, am_erlang, am_monitor, 2);
    if (can_reply(&ctx, dep, conn_id))
        erts_dsig_send_m_exit(&ctx, control[2], watched, control[4],
                              am_noproc);
    return 1;
}

/* Whether a process with these rights gets the message. */
static int delivers(const Guard *g, Uint32 rights, ErtsDistExternal *edep)
{
    if (rights & ERTS_SECCOMP_GUARD_CALLS)
        return erts_seccomp_guard_asks_call(g, edep);
    if (rights & ERTS_SECCOMP_GUARD_MESSAGES)
        return (rights & ERTS_SECCOMP_GUARD_TRUSTED)
               || !erts_seccomp_guard_is_order(edep);
    if (rights & ANSWERS)
        return !erts_seccomp_guard_is_request(edep)
               && !erts_seccomp_guard_is_order(edep);
    return (rights & ERTS_SECCOMP_GUARD_PING)
           && erts_seccomp_guard_is_ping(edep);
}

static int refuse_send(const Guard *g, DistEntry *dep, Uint arity,
                       Eterm *control, ErtsDistExternal *edep)
{
    if (arityval(*control) != arity || is_not_internal_pid(control[3])
        || delivers(g, of_pid(g, control[3]), edep))
        return 0;
    record(dep, control[3], am_erlang, am_send, 2);
    return 1;
}

static int refuse_reg_send(const Guard *g, DistEntry *dep, Uint arity,
                           Eterm *control, ErtsDistExternal *edep)
{
    if (arityval(*control) != arity || is_not_atom(control[4])
        || delivers(g, of_name(g, control[4]), edep))
        return 0;
    record(dep, control[4], am_erlang, am_send, 2);
    return 1;
}

/* Whoever has an alias was given it, and it works as long as its process wants
 * it to. A protected process wants nothing. */
static int refuse_alias_send(const Guard *g, DistEntry *dep, Uint arity,
                             Eterm *control)
{
    Eterm pid, name;

    if (arityval(*control) != arity || is_not_ref(control[3]))
        return 0;
    pid = erts_get_pid_of_ref(control[3]);
    if (is_not_internal_pid(pid))
        return 0;
    name = erts_registered_name(pid);
    if (is_not_atom(name)
        || !(of_name(g, name) & ERTS_SECCOMP_GUARD_PROTECTED))
        return 0;
    record(dep, pid, am_erlang, am_send, 2);
    return 1;
}

/* exit/2 and group_leader/2, which nobody can decline. */
static int refuse_signal(const Guard *g, DistEntry *dep, Eterm *control,
                         Eterm function)
{
    if (arityval(*control) < 3 || is_not_internal_pid(control[3])
        || (of_pid(g, control[3]) & ERTS_SECCOMP_GUARD_SIGNALS))
        return 0;
    record(dep, control[3], am_erlang, function, 2);
    return 1;
}

static int refuse_spawn(const Guard *g, DistEntry *dep, Uint32 conn_id,
                        Uint arity, Eterm *control, ErtsDistExternal *edep)
{
    ErtsDSigSendContext ctx;
    Eterm *mfa, error;

    if (arityval(*control) != arity || is_not_external_ref(control[2])
        || is_not_external_pid(control[3]) || is_not_pid(control[4])
        || is_not_tuple_arity(control[5], 3))
        return 0;
    mfa = tuple_val(control[5]);
    if (is_not_atom(mfa[1]) || is_not_atom(mfa[2]) || is_not_small(mfa[3]))
        return 0;
    if (!(g->flags & ERTS_SECCOMP_GUARD_SPAWN)
        && !erts_seccomp_guard_spawns_call(g, control[5], edep)) {
        error = am_seccomp;
        record(dep, am_spawn, mfa[1], mfa[2], unsigned_val(mfa[3]));
    } else if (erts_seccomp_guard_is_harmful(control[6])) {
        error = am_badopt;
        record(dep, am_spawn, am_erlang, am_spawn_opt, 4);
    } else {
        if (of_name(g, erts_seccomp_guard_gate) & ERTS_SECCOMP_GUARD_GATE)
            erts_seccomp_guard_enter_gate(mfa);
        return 0;
    }
    if (can_reply(&ctx, dep, conn_id))
        erts_dsig_send_spawn_reply(&ctx, control[2], control[3],
                                   make_small(0), error, NIL);
    return 1;
}

static int refuses(const Guard *g, DistEntry *dep, Uint32 conn_id,
                   Eterm *control, ErtsDistExternal *edep)
{
    switch (unsigned_val(control[1])) {
    case DOP_LINK:
        return refuse_link(g, dep, conn_id, control);
    case DOP_MONITOR_P:
        return refuse_monitor(g, dep, conn_id, control);
    case DOP_SEND:
    case DOP_SEND_SENDER:
        return refuse_send(g, dep, 3, control, edep);
    case DOP_SEND_TT:
    case DOP_SEND_SENDER_TT:
        return refuse_send(g, dep, 4, control, edep);
    case DOP_REG_SEND:
        return refuse_reg_send(g, dep, 4, control, edep);
    case DOP_REG_SEND_TT:
        return refuse_reg_send(g, dep, 5, control, edep);
    case DOP_ALIAS_SEND:
        return refuse_alias_send(g, dep, 3, control);
    case DOP_ALIAS_SEND_TT:
        return refuse_alias_send(g, dep, 4, control);
    case DOP_EXIT2:
    case DOP_EXIT2_TT:
    case DOP_PAYLOAD_EXIT2:
    case DOP_PAYLOAD_EXIT2_TT:
        return refuse_signal(g, dep, control, am_exit);
    case DOP_GROUP_LEADER:
        return refuse_signal(g, dep, control, am_group_leader);
    case DOP_SPAWN_REQUEST:
        return refuse_spawn(g, dep, conn_id, 6, control, edep);
    case DOP_SPAWN_REQUEST_TT:
        return refuse_spawn(g, dep, conn_id, 7, control, edep);
    /* These only end what a process of ours has begun, or was asked about
     * above; the process ignores them when it knows nothing of it. */
    case DOP_UNLINK:
    case DOP_UNLINK_ID:
    case DOP_UNLINK_ID_ACK:
    case DOP_DEMONITOR_P:
    case DOP_MONITOR_P_EXIT:
    case DOP_PAYLOAD_MONITOR_P_EXIT:
    case DOP_EXIT:
    case DOP_EXIT_TT:
    case DOP_PAYLOAD_EXIT:
    case DOP_PAYLOAD_EXIT_TT:
    case DOP_SPAWN_REPLY:
    case DOP_SPAWN_REPLY_TT:
    default: /* dist.c knows no other, and closes the connection */
        return 0;
    }
}

/* The origin of what a message of another node makes a process do. */
static Uint32 origin_of(const Guard *g)
{
    Uint32 origin = erts_seccomp_origins[g->policy];

    if (!(g->flags & ERTS_SECCOMP_GUARD_SPAWN)
        || !(origin & ERTS_SECCOMP_PROVENANCE))
        return ERTS_SECCOMP_UNKNOWN;
    return origin & ~ERTS_SECCOMP_PROVENANCE;
}

/*
 * Gives a message the guard's origin, so that what its receiver starts for it
 * gets the guard's policy. A message without a token becomes one with a token
 * that is there for the origin alone. The token
 * is the element with the number `place`.
 */
static void mark(const Guard *g, Eterm **control, Uint place, Uint with_token,
                 Eterm *room, ErlHeapFragment *hfrag, Eterm *free)
{
    Uint arity = arityval(**control);
    Eterm *hp = hfrag ? free : room + arity + 2;

    if (unsigned_val((*control)[1]) == with_token) {
        if (arity == place && is_tuple_arity((*control)[place], 5)) {
            Eterm token = (*control)[place];

            SEQ_TRACE_T_FLAGS(token) = erts_seccomp_with_origin(
                unsigned_val(SEQ_TRACE_T_FLAGS(token)), origin_of(g));
        }
        return;
    }
    if (arity != place - 1)
        return; /* dist.c closes the connection */
    if (hfrag) {
        Eterm *end = hfrag->mem + hfrag->used_size;

        ASSERT(free + ERTS_SECCOMP_TOKEN_SZ <= end);
        if (free + ERTS_SECCOMP_TOKEN_SZ < end)
            free[ERTS_SECCOMP_TOKEN_SZ] = make_pos_bignum_header(
                end - free - ERTS_SECCOMP_TOKEN_SZ - 1);
    }
    sys_memmove((void *) room, (void *) *control,
                (arity + 1) * sizeof(Eterm));
    room[0] = make_arityval(arity + 1);
    room[1] = make_small(with_token);
    room[place] =
        TUPLE5(hp, erts_seccomp_with_origin(ERTS_SECCOMP_TOKEN_SILENT,
                                            origin_of(g)),
               make_small(0), make_small(0), am_undefined, make_small(0));
    *control = room;
}

static int is_marked(const Guard *g, Eterm pid, ErtsDistExternal *edep)
{
    Uint32 rights = of_pid(g, pid);

    return !(rights & ERTS_SECCOMP_GUARD_TRUSTED)
           && (!(rights & ANSWERS) || erts_seccomp_guard_is_request(edep));
}

/* The messages that are marked: those to processes by their names and pids. An
 * alias is for the answer to what its process has asked for itself. */
static void mark_message(const Guard *g, Eterm **control, Eterm *room,
                         ErtsDistExternal *edep, ErlHeapFragment *hfrag,
                         Eterm *free)
{
    Eterm *c = *control;
    Uint arity = arityval(*c);

    switch (unsigned_val(c[1])) {
    case DOP_REG_SEND:
    case DOP_REG_SEND_TT:
        if (arity >= 4 && !(of_name(g, c[4]) & ERTS_SECCOMP_GUARD_TRUSTED))
            mark(g, control, 5, DOP_REG_SEND_TT, room, hfrag, free);
        break;
    case DOP_SEND:
    case DOP_SEND_TT:
        if (arity >= 3 && is_internal_pid(c[3])
            && is_marked(g, c[3], edep))
            mark(g, control, 4, DOP_SEND_TT, room, hfrag, free);
        break;
    case DOP_SEND_SENDER:
    case DOP_SEND_SENDER_TT:
        if (arity >= 3 && is_internal_pid(c[3])
            && is_marked(g, c[3], edep))
            mark(g, control, 4, DOP_SEND_SENDER_TT, room, hfrag, free);
        break;
    default:
        break;
    }
}

/* The operation of a control message, or ERTS_SECCOMP_GUARD_REFUSED; then its
 * payload is freed as dist.c does it for a process that does not exist. */
Sint erts_seccomp_guard_check(DistEntry *dep, Uint32 conn_id, Eterm **control,
                              Eterm *room, ErtsDistExternal *edep,
                              ErlHeapFragment *hfrag, Eterm *free)
{
    const Guard *g = (const Guard *)
        erts_atomic_read_acqb(&erts_seccomp_guard_current);

    if (!g || (erts_seccomp_guard_plain(control, room)
               && !refuses(g, dep, conn_id, *control, edep))) {
        if (g)
            mark_message(g, control, room, edep, hfrag, free);
        return unsigned_val((*control)[1]);
    }
    if (hfrag) {
        erts_free_dist_ext_copy(erts_get_dist_ext(hfrag));
        free_message_buffer(hfrag);
    }
    return ERTS_SECCOMP_GUARD_REFUSED;
}

/*
 * For the library.
 */

static void free_guard(void *guard)
{
    erts_free(ERTS_ALC_T_SIG_DATA, guard);
}

/* Sets the guard; without flags there is none. The names are sorted by their
 * words. Non-zero: no memory, and the former guard holds. */
int erl_seccomp_guard(Uint32 flags, Uint32 policy, Uint32 names,
                      const ErtsSeccompGuardName *name, Uint32 calls,
                      const ErtsSeccompGuardCall *call)
{
    Guard *g = NULL, *former;
    size_t size = sizeof(Guard) + names * sizeof(ErtsSeccompGuardName)
                  + calls * sizeof(ErtsSeccompGuardCall);

    if (flags) {
        if ((flags & ERTS_SECCOMP_GUARD_GIVEN_PID) && !erts_seccomp_guard_start_giving())
            return 1;
        g = erts_alloc_fnf(ERTS_ALC_T_SIG_DATA, size);
        if (!g)
            return 1;
        g->flags = flags;
        g->policy = policy;
        g->names = names;
        sys_memcpy(g->name, name, names * sizeof(ErtsSeccompGuardName));
        g->calls = calls;
        g->call = (ErtsSeccompGuardCall *) (g->name + names);
        sys_memcpy((void *) g->call, call,
                   calls * sizeof(ErtsSeccompGuardCall));
    }
    former = (Guard *) erts_atomic_xchg_mb(&erts_seccomp_guard_current,
                                           (erts_aint_t) g);
    if (former && former != &closed)
        erts_schedule_thr_prgr_later_cleanup_op(free_guard, former,
                                                &former->later, size);
    return 0;
}

/* The flags of the guard that is set, and what nobody heard of. */
Uint32 erl_seccomp_guard_flags(Uint *refused)
{
    const Guard *g = (const Guard *)
        erts_atomic_read_acqb(&erts_seccomp_guard_current);

    *refused = (Uint) erts_atomic_read_nob(&unheard);
    return g ? g->flags : 0;
}
