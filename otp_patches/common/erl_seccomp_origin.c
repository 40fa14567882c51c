/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: provenance. A process that handles a message of a
 * restricted process acts for it, and what it starts meanwhile gets the policy
 * of that process, too. "Origin" is the number by which the library knows such
 * a policy.
 *
 * A restricted process whose policy has provenance always has a token with an
 * origin, its own or one that its own is part of. So all that it sends carries
 * it, and no path of a message needs a look of ours but the receiving one.
 *
 * Tokens belong to one process or message alone and hold immediates in the
 * places written here, so they are changed where they are.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "big.h"
#include "register.h"
#include "dist.h"
#include "erl_trace.h"
#include "erl_seccomp_gate.h"
#include "erl_seccomp_origin.h"

#define TOKEN_FLAGS(T) SEQ_TRACE_T_FLAGS(T)
#define USER ERTS_SECCOMP_TOKEN_USER
#define SILENT ERTS_SECCOMP_TOKEN_SILENT
#define ORIGIN ERTS_SECCOMP_TOKEN_ORIGIN
#define BESIDE ERTS_SECCOMP_TOKEN_BESIDE
#define MAX_DEPTH ERTS_SECCOMP_MAX_DEPTH

#define ID(F) ((Uint32) (((F) >> ERTS_SECCOMP_TOKEN_ID_SHIFT)               \
                         & ERTS_SECCOMP_MAX_ID))
#define DEPTH(F) (((F) >> ERTS_SECCOMP_TOKEN_DEPTH_SHIFT) & MAX_DEPTH)
/* The part of the flags that is about an origin; zero: there is none. */
#define PART(Id, Depth)                                                     \
    (ORIGIN | ((Uint) (Id) & ERTS_SECCOMP_MAX_ID)                           \
                  << ERTS_SECCOMP_TOKEN_ID_SHIFT                            \
     | (Uint) (Depth) << ERTS_SECCOMP_TOKEN_DEPTH_SHIFT)
#define PART_MASK PART(ERTS_SECCOMP_MAX_ID, MAX_DEPTH)

/* For each policy its origin and ERTS_SECCOMP_PROVENANCE, or zero. */
Uint32 erts_seccomp_origins[ERTS_SECCOMP_MAX_POLICIES];

static Eterm am_timer_server;

void erts_seccomp_origin_init(void)
{
    am_timer_server = am_atom_put("timer_server", 12);
    erts_seccomp_origins[ERTS_SECCOMP_DENY_ALL] =
        ERTS_SECCOMP_PROVENANCE | ERTS_SECCOMP_UNKNOWN;
}

static ERTS_INLINE Uint part_of(Eterm token)
{
    Uint flags = erts_seccomp_token_flags(token);

    return flags & ORIGIN ? flags & PART_MASK : 0;
}

/* The part that a process with this word always has. */
static ERTS_INLINE Uint own_part(Uint32 word)
{
    Uint32 own;

    if (!(word & ERTS_SECCOMP_E))
        return 0;
    own = erts_seccomp_origins[word >> ERTS_SECCOMP_POLICY_SHIFT];
    return own & ERTS_SECCOMP_PROVENANCE ? PART(own, 0) : 0;
}

static Uint32 meet(Uint one, Uint other)
{
    const ErtsSeccompHooks *h = erts_seccomp_hooks();

    if (ID(one) == ID(other))
        return ID(one);
    if (!h || ID(one) == ERTS_SECCOMP_UNKNOWN
        || ID(other) == ERTS_SECCOMP_UNKNOWN)
        return ERTS_SECCOMP_UNKNOWN;
    return h->meet_origins(ID(one), ID(other));
}

/* Makes a token one for the origin alone. */
static void silence(Eterm token, Uint part)
{
    TOKEN_FLAGS(token) = make_small(SILENT | part);
    SEQ_TRACE_T_LABEL(token) = make_small(0);
    SEQ_TRACE_T_SERIAL(token) = make_small(0);
    SEQ_TRACE_T_LASTCNT(token) = make_small(0);
}

/* Writes such a token. */
static Eterm write_token(Eterm *hp, Eterm pid, Uint part)
{
    return TUPLE5(hp, make_small(SILENT | part), make_small(0),
                  make_small(0), pid, make_small(0));
}

/* Gives the process this part and leaves its user's tracing as it is. False:
 * there is no token that could hold it. */
static int set_part(Process *c_p, Uint part)
{
    Eterm token = SEQ_TRACE_TOKEN(c_p);
    Uint flags;

    if (!is_tuple(token))
        return part == 0;
    flags = unsigned_val(TOKEN_FLAGS(token));
    if (part == 0 && flags & SILENT)
        SEQ_TRACE_TOKEN(c_p) = NIL;
    else
        TOKEN_FLAGS(token) = make_small((flags & (USER | SILENT)) | part);
    return 1;
}

/*
 * How deep the function that receives was called: the distance of its return
 * address from the bottom of the stack. A main loop has the same depth in all
 * its turns, whichever of its functions receives and whatever they keep on the
 * stack, because they call each other last. Functions that receive have a
 * frame.
 */
static Uint depth_of(Process *c_p, Eterm *E)
{
    Uint depth;

#ifndef BEAMASM
    E++; /* the return address of the functions that it calls */
#endif
    while (E < STACK_START(c_p) && is_not_CP(*E))
        E++;
    depth = STACK_START(c_p) - E;
    return depth < MAX_DEPTH ? depth : MAX_DEPTH;
}

/*
 * The origin after a message, or a timeout, that brings this one (zero: none).
 * An origin stays until the process receives again at the depth where it came,
 * or above: then it is done with what it was asked for. What comes at a greater
 * depth belongs to that.
 */
static Uint arrive(Process *c_p, Eterm *E, Uint its)
{
    Uint held = part_of(SEQ_TRACE_TOKEN(c_p));
    Uint own = own_part(c_p->seccomp);
    Uint depth = depth_of(c_p, E);

    if (held && !(own && ID(held) == ID(own)) && depth > DEPTH(held))
        return its ? PART(meet(held, its), DEPTH(held)) : held;
    if (!its)
        return own;
    return PART(own ? meet(own, its) : ID(its), depth);
}

/*
 * A message is received; the process or the message has a token. What the
 * emulator goes on to do with the tokens is right for the user's part: NIL
 * clears it, am_undefined leaves it, others replace it.
 */
void erts_seccomp_receive(Process *c_p, ErtsMessage *msgp, Eterm *E)
{
    Eterm mine = SEQ_TRACE_TOKEN(c_p);
    Eterm its = ERL_MESSAGE_TOKEN(msgp);
    Uint flags = erts_seccomp_token_flags(its);
    Uint part = arrive(c_p, E, part_of(its));

    if (is_tuple(its) && !(flags & SILENT)) {
        TOKEN_FLAGS(its) = make_small((flags & USER) | part);
        return;
    }
    if (its == am_undefined || flags & BESIDE) {
        if (!set_part(c_p, part) && is_tuple(its)) {
            silence(its, part);
            SEQ_TRACE_TOKEN(c_p) = its;
        }
    } else {
        Eterm token = is_tuple(its) ? its : mine;

        if (!part || !is_tuple(token)) {
            ERL_MESSAGE_TOKEN(msgp) = NIL;
            return;
        }
        silence(token, part);
        SEQ_TRACE_TOKEN(c_p) = token;
    }
    ERL_MESSAGE_TOKEN(msgp) = am_undefined;
}

/*
 * The flags of a monitor that is about to be made. Whoever waits for the answer
 * to a request acts then for whom it acted when it asked: nobody may make a
 * trusted process act for it by answering. That goes by the alias that is made
 * for the one answer, which the emulator knows; one that has to be taken away
 * explicitly may be an address that anything is sent to.
 */
Uint32 erts_seccomp_own_request(Process *c_p, Uint32 flags)
{
    Uint32 alias = flags & ERTS_ML_STATE_ALIAS_MASK;
    Uint32 origin;

    if (alias != ERTS_ML_STATE_ALIAS_DEMONITOR
        && alias != ERTS_ML_STATE_ALIAS_ONCE)
        return 0;
    return erts_seccomp_acts_for(c_p, &origin) ? 0 : ERTS_SECCOMP_ML_FLG_OWN;
}

/*
 * A message to an alias with these flags has come. It is an answer when it looks
 * like one: then it loses its origin. What else is sent there may be a request,
 * and what comes from another node has no term yet; both keep it.
 */
void erts_seccomp_answer(ErtsMessage *sig, Eterm alias, Eterm msg,
                         Uint32 flags)
{
    Eterm tag;

    if (!(flags & ERTS_SECCOMP_ML_FLG_OWN) || is_non_value(msg)
        || !part_of(ERL_MESSAGE_TOKEN(sig)) || is_not_tuple_arity(msg, 2))
        return;
    tag = tuple_val(msg)[1]; /* {Alias, _}, {[alias|Alias], _} */
    if (is_list(tag) && CAR(list_val(tag)) == am_alias)
        tag = CDR(list_val(tag));
    if (!eq(tag, alias))
        return;
    if (erts_seccomp_token_flags(ERL_MESSAGE_TOKEN(sig)) & SILENT)
        ERL_MESSAGE_TOKEN(sig) = NIL;
    else
        erts_seccomp_hide(ERL_MESSAGE_TOKEN(sig));
}

/* A receive has timed out; the process waited, so its stack is known. */
void erts_seccomp_timeout(Process *c_p)
{
    set_part(c_p, arrive(c_p, c_p->stop, 0));
}

/* The stack is gone, and with it all that a depth could be compared to and the
 * frame of a gate. */
void erts_seccomp_hibernate(Process *c_p)
{
    Uint part = part_of(SEQ_TRACE_TOKEN(c_p));

    c_p->seccomp = erts_seccomp_closed(c_p->seccomp);
    if (part)
        set_part(c_p, PART(ID(part), MAX_DEPTH));
}

/* Whether what the process sends without being traced carries an origin. The
 * heir of a table gets it when its owner ends, as others get an exit. */
int erts_seccomp_gives_away(Process *c_p)
{
    return part_of(SEQ_TRACE_TOKEN(c_p)) && !ERTS_PROC_IS_EXITING(c_p);
}

/*
 * The same of a timer. A server that starts a timer for itself while it serves
 * a restricted process goes on acting for itself when it fires; but the server
 * of the module timer starts those that others ask for.
 */
int erts_seccomp_starts_timer(Process *c_p)
{
    RegProc *reg = c_p->common.u.alive.reg;

    return part_of(SEQ_TRACE_TOKEN(c_p))
           && (c_p->seccomp & ERTS_SECCOMP_E
               || (reg && reg->name == am_timer_server));
}

/* A token for that, in ERTS_SECCOMP_TOKEN_SZ words. */
Eterm erts_seccomp_beside(Process *c_p, Eterm *hp)
{
    return write_token(hp, c_p->common.id,
                       part_of(SEQ_TRACE_TOKEN(c_p)) | BESIDE);
}

/* The token for another node. Numbers of origins mean nothing there. */
Eterm erts_seccomp_token_out(Process *c_p, Eterm token)
{
    Uint flags = erts_seccomp_token_flags(token);
    Eterm *hp;

    if (flags & SILENT)
        return NIL;
    if (!(flags & ~USER))
        return token;
    hp = HAlloc(c_p, ERTS_SECCOMP_TOKEN_SZ);
    sys_memcpy((void *) hp, (void *) tuple_val(token),
               ERTS_SECCOMP_TOKEN_SZ * sizeof(Eterm));
    return erts_seccomp_hide(make_tuple(hp));
}

/* The flags of a token that is there for this origin as well. */
Eterm erts_seccomp_with_origin(Uint flags, Uint32 origin)
{
    Uint part = PART(origin, 0);

    if (flags & ORIGIN)
        part = PART(meet(part, flags), 0);
    return make_small((flags & (USER | SILENT)) | part);
}

#ifdef ERTS_DOP_ALTACT_SIG_FLG_TOKEN
/* The flags of a DOP_ALTACT_SIG_SEND, as dist.c reads them. */
Uint erts_seccomp_altact_flags(Eterm *ctl)
{
    if (arityval(ctl[0]) < 4)
        return 0;
    if (is_small(ctl[2]))
        return unsigned_val(ctl[2]) & 0xff;
    return is_big(ctl[2]) ? BIG_V(big_val(ctl[2]))[0] & 0xff : 0;
}
#endif

/* The place of the token in a control message; zero: it has none. */
Uint erts_seccomp_token_place(Eterm *ctl)
{
    switch (unsigned_val(ctl[1])) {
    case DOP_SEND_TT:
    case DOP_SEND_SENDER_TT:
    case DOP_ALIAS_SEND_TT:
    case DOP_EXIT_TT:
    case DOP_EXIT2_TT:
    case DOP_PAYLOAD_EXIT_TT:
    case DOP_PAYLOAD_EXIT2_TT:
        return 4;
    case DOP_REG_SEND_TT:
        return 5;
    case DOP_SPAWN_REPLY_TT:
        return 6;
    case DOP_SPAWN_REQUEST_TT:
        return 7;
#ifdef ERTS_DOP_ALTACT_SIG_FLG_TOKEN
    case DOP_ALTACT_SIG_SEND:
        return erts_seccomp_altact_flags(ctl) & ERTS_DOP_ALTACT_SIG_FLG_TOKEN
                   ? 5
                   : 0;
#endif
    default:
        return 0;
    }
}

/* A control message of another node: takes what looks like an origin from its
 * token. False: that is no token. */
int erts_seccomp_token_in(Eterm *ctl)
{
    Uint place = erts_seccomp_token_place(ctl);
    Eterm token;

    if (place == 0)
        return 1;
    token = arityval(ctl[0]) < place ? THE_NON_VALUE : ctl[place];
    if (is_non_value(token) || is_not_tuple_arity(token, 5)
        || is_not_small(TOKEN_FLAGS(token)))
        return 0;
    erts_seccomp_hide(token);
    return 1;
}

/* Whether it acts for another than itself: that is what its children get on
 * top of what they inherit. */
int erts_seccomp_acts_for(Process *c_p, Uint32 *origin)
{
    Uint part = part_of(SEQ_TRACE_TOKEN(c_p));
    Uint own = own_part(c_p->seccomp);

    *origin = ID(part);
    return part && !(own && ID(own) == ID(part));
}

/* A new process has its word, and its parent's token or none: now it acts for
 * itself, also when another node has asked for it. */
void erts_seccomp_child(Process *child)
{
    Uint own = own_part(child->seccomp);

    if (!set_part(child, own)) {
        Eterm *hp = HAlloc(child, ERTS_SECCOMP_TOKEN_SZ);
        SEQ_TRACE_TOKEN(child) = write_token(hp, child->common.id, own);
    }
}

/* The process has a new policy and had one with the word `old`. The
 * environment is that of the running NIF, or NULL. */
void erts_seccomp_new_policy(Process *c_p, ErlNifEnv *env, Uint32 old)
{
    Uint held = part_of(SEQ_TRACE_TOKEN(c_p));
    Uint was = own_part(old);
    Uint own = own_part(c_p->seccomp);
    Uint part;

    if (!held || (was && ID(held) == ID(was)))
        part = own;
    else
        part = own ? PART(meet(own, held), DEPTH(held)) : held;
    if (!set_part(c_p, part)) {
        if (env) {
            SEQ_TRACE_TOKEN(c_p) =
                enif_make_tuple5(env, make_small(SILENT | part),
                                 make_small(0), make_small(0),
                                 c_p->common.id, make_small(0));
        } else {
            /* Not on the heap, where a dirty NIF of the process may be
             * building its result. */
            ErlHeapFragment *bp = new_message_buffer(ERTS_SECCOMP_TOKEN_SZ);
            SEQ_TRACE_TOKEN(c_p) =
                write_token(bp->mem, c_p->common.id, part);
            erts_link_mbuf_to_proc(c_p, bp);
        }
    }
}

/* The user is about to trace: a silent token becomes the user's, as new. */
void erts_seccomp_trace(Process *c_p)
{
    Eterm token = SEQ_TRACE_TOKEN(c_p);
    Uint part = part_of(token);

    if (erts_seccomp_token_flags(token) & SILENT) {
        silence(token, part);
        TOKEN_FLAGS(token) = make_small(part);
        SEQ_TRACE_T_SENDER(token) = c_p->common.id;
        SEQ_TRACE_T_LASTCNT(token) = make_small(c_p->seq_trace_lastcnt);
    }
}

/* The user stops to trace. False: the token can go. */
int erts_seccomp_keep(Eterm token)
{
    Uint flags = erts_seccomp_token_flags(token);

    if (!(flags & ORIGIN))
        return 0;
    silence(token, flags & (PART_MASK | BESIDE));
    return 1;
}

/* Takes all of ours from a copy of a token. */
Eterm erts_seccomp_hide(Eterm token)
{
    Uint flags = erts_seccomp_token_flags(token);

    if (flags & ~USER)
        TOKEN_FLAGS(token) = make_small(flags & USER);
    return token;
}

/* The token as its user may keep it. */
Eterm erts_seccomp_shown(Process *c_p)
{
    return erts_seccomp_token_out(c_p, SEQ_TRACE_TOKEN(c_p));
}

/*
 * For the library.
 */

/* Gives a policy its origin, or says that it has no provenance. Before any
 * process has the policy. */
int erl_seccomp_set_origin(Uint32 policy, Uint32 origin, Sint32 provenance)
{
    if (policy == ERTS_SECCOMP_DENY_ALL || policy >= ERTS_SECCOMP_MAX_POLICIES
        || origin > ERTS_SECCOMP_MAX_ID)
        return 1;
    erts_seccomp_origins[policy] =
        provenance ? ERTS_SECCOMP_PROVENANCE | origin : 0;
    ETHR_MEMBAR(ETHR_StoreStore);
    return 0;
}

/* For whom does the caller act? Zero: for itself, and it is not told. */
int erl_seccomp_origin(ErlNifEnv *env, Uint32 *origin)
{
    Uint part = part_of(SEQ_TRACE_TOKEN(env->proc));

    *origin = ID(part);
    return part != 0;
}

/* A trusted caller acts for itself from now on. Non-zero: it is restricted. */
int erl_seccomp_forget_origin(ErlNifEnv *env)
{
    if (env->proc->seccomp & ERTS_SECCOMP_E)
        return 1;
    set_part(env->proc, 0);
    return 0;
}
