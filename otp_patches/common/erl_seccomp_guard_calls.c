/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: functions that this node hands out, for
 * erl_seccomp_guard.c. Other nodes may call these by spawn, by erpc and rpc
 * (which spawn a function of erpc that calls them), and through servers that
 * apply what they are told; then they run under no policy of the guard.
 *
 * Whether a request asks for one of them is in its payload, which the process
 * decodes when it runs. So it is decoded here as well, as a whole, and the
 * arguments are counted: what is said to be their number may be wrong. One that
 * is too big for that or comes in fragments asks for none of them.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#define ERTS_WANT_EXTERNAL_TAGS
#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "external.h"
#include "erl_seccomp_guard.h"

/* A payload with more words than this is not looked at. */
#define MAX_PAYLOAD (1 << 16)

/* References have fewer words, and fewer bytes before these. */
#define MAX_REF 8

typedef struct {
    const ErtsSeccompGuard *g;
    Eterm module;
    Eterm function;
    int lead; /* what erpc has before the call in its arguments, or NOT_ERPC */
} Request;

#define NOT_ERPC (-1)

static Eterm am_erpc, am_execute_call, am_execute_cast, am_gen_call;

void erts_seccomp_guard_calls_init(void)
{
    am_erpc = am_atom_put("erpc", 4);
    am_execute_call = am_atom_put("execute_call", 12);
    am_execute_cast = am_atom_put("execute_cast", 12);
    am_gen_call = am_atom_put("$gen_call", 9);
}

/* Whether it is handed out with any number of arguments. */
static int has_name(const ErtsSeccompGuard *g, Eterm m, Eterm f)
{
    Uint32 i;

    for (i = 0; i < g->calls; i++) {
        if (g->call[i].module == m && g->call[i].function == f)
            return 1;
    }
    return 0;
}

/* Whether it is handed out with these. */
static int has_call(const ErtsSeccompGuard *g, Eterm m, Eterm f, Eterm args)
{
    Sint arity = erts_list_length(args);
    Uint32 i;

    for (i = 0; arity >= 0 && i < g->calls; i++) {
        if (g->call[i].module == m && g->call[i].function == f
            && g->call[i].arity == (Uint) arity)
            return 1;
    }
    return 0;
}

/* Steps over a reference. */
static int skip_ref(ErtsDistExternal *edep, const byte **bytes)
{
    const byte *ep = *bytes;
    Uint words = get_int16(ep + 1), creation;

    switch (*ep) {
    case NEWER_REFERENCE_EXT:
        creation = 4;
        break;
    case NEW_REFERENCE_EXT:
        creation = 1;
        break;
    default:
        return 0;
    }
    ep += 3;
    if (words > MAX_REF || is_non_value(erts_seccomp_guard_atom(edep, &ep)))
        return 0;
    *bytes = ep + creation + 4 * words;
    return 1;
}

/* Whether a list for erpc begins like one for a function that is handed out.
 * It is not decoded for that: one that is refused makes no atoms. */
static int begins_well(const Request *r, ErtsDistExternal *edep)
{
    byte bytes[4 * ERTS_SECCOMP_GUARD_HEAD]; /* for three atoms */
    const byte *ep = bytes;
    Eterm m, f;

    erts_seccomp_guard_read(edep, bytes, 3 * ERTS_SECCOMP_GUARD_HEAD);
    if (!(edep->flags & ERTS_DIST_EXT_DFLAG_HDR))
        ep++;
    if (*ep != LIST_EXT)
        return 0;
    ep += 5;
    if (r->lead > 0 && !skip_ref(edep, &ep))
        return 0;
    m = erts_seccomp_guard_atom(edep, &ep);
    if (is_non_value(m))
        return 0;
    f = erts_seccomp_guard_atom(edep, &ep);
    return is_value(f) && has_name(r->g, m, f);
}

static int like_args(Eterm args, const void *what)
{
    const Request *r = what;
    Eterm m, f;

    if (r->lead == NOT_ERPC)
        return has_call(r->g, r->module, r->function, args);
    if (erts_list_length(args) != r->lead + 3)
        return 0;
    if (r->lead > 0)
        args = CDR(list_val(args));
    m = CAR(list_val(args));
    args = CDR(list_val(args));
    f = CAR(list_val(args));
    args = CDR(list_val(args));
    return has_call(r->g, m, f, CAR(list_val(args)));
}

/* Whether a spawn with this payload, which other checks let through, calls one
 * of the functions and nothing else. */
int erts_seccomp_guard_spawns_call(const ErtsSeccompGuard *g, Eterm mfa,
                                   ErtsDistExternal *edep)
{
    Request r = {g, tuple_val(mfa)[1], tuple_val(mfa)[2], NOT_ERPC};

    if (g->calls == 0)
        return 0;
    if (r.module != am_erpc) {
        if (!has_name(g, r.module, r.function))
            return 0;
    } else {
        if (r.function == am_execute_call)
            r.lead = 1; /* the reference that the answer has */
        else if (r.function == am_execute_cast)
            r.lead = 0;
        else
            return 0;
        if (!begins_well(&r, edep))
            return 0;
    }
    return erts_seccomp_guard_looks(edep, MAX_PAYLOAD, like_args, &r);
}

/* The word of a process that another node has asked for. */
Uint32 erts_seccomp_guard_child(Eterm child, const ErlSpawnOpts *so)
{
    const ErtsSeccompHooks *h = erts_seccomp_hooks();
    const ErtsSeccompGuard *g = (const ErtsSeccompGuard *)
        erts_atomic_read_acqb(&erts_seccomp_guard_current);
    Uint32 word;

    /* The request is what it was when it was not refused; the guard may be
     * another one, and then it is this one that counts. */
    if (!g || erts_seccomp_guard_spawns_call(g, so->mfa, so->edep))
        return 0;
    if ((g->flags & ERTS_SECCOMP_GUARD_SPAWN) && h
        && h->guarded(child, so->dist_entry->sysname, &word) == 0)
        return word;
    return ERTS_SECCOMP_DENY_ALL_WORD;
}

/* {'$gen_call', {Pid, Tag}, {apply, M, F, Args}}. The answer goes to the pid,
 * and has to leave this node: it is whatever the function gives. */
static int like_request(Eterm term, const void *what)
{
    Eterm *call, *request;

    if (is_not_tuple_arity(term, 3))
        return 0;
    call = tuple_val(term);
    if (call[1] != am_gen_call || is_not_tuple_arity(call[2], 2)
        || is_not_external_pid(tuple_val(call[2])[1])
        || is_not_tuple_arity(call[3], 4))
        return 0;
    request = tuple_val(call[3]);
    return request[1] == am_apply
           && has_call(what, request[2], request[3], request[4]);
}

/* Whether a message asks a server to call one of the functions. */
int erts_seccomp_guard_asks_call(const ErtsSeccompGuard *g,
                                 ErtsDistExternal *edep)
{
    return erts_seccomp_guard_looks(edep, MAX_PAYLOAD, like_request, g);
}
