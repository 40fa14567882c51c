/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: provenance between nodes. Numbers of origins mean
 * nothing elsewhere, so a token goes out with the hash of the policy in its
 * label, {'$seccomp', Hash} or {'$seccomp', Hash, UsersLabel}, and gets a number
 * again where it comes in. An emulator without this patch takes the label for
 * somebody's and passes it on with what the request leads to.
 *
 * A hash that is not known stands for a policy that denies everything; a spawn
 * that is asked for under one fails.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "erl_binary.h"
#include "erl_trace.h"
#include "erl_seccomp_dist.h"

#define TOKEN_FLAGS(T) SEQ_TRACE_T_FLAGS(T)
#define LABEL(T) SEQ_TRACE_T_LABEL(T)
#define ID(F) ((Uint32) (((F) >> ERTS_SECCOMP_TOKEN_ID_SHIFT)               \
                         & ERTS_SECCOMP_MAX_ID))

static Eterm am_tag_seccomp, am_seccomp, am_unknown_policy, am_seccomp_unknown;

void erts_seccomp_dist_init(void)
{
    am_tag_seccomp = am_atom_put("$seccomp", 8);
    am_seccomp = am_atom_put("seccomp", 7);
    am_unknown_policy = am_atom_put("unknown_policy", 14);
    am_seccomp_unknown = am_atom_put("seccomp_unknown_policy", 22);
}

/* A binary of ERTS_SECCOMP_HASH_SZ bytes, and whether a term is one. */
#ifdef HEAP_BITSTRING
static Eterm write_hash(Eterm *hp, const byte *hash)
{
    return HEAP_BITSTRING(hp, hash, 0, 8 * ERTS_SECCOMP_HASH_SZ);
}

static int read_hash(Eterm term, byte *hash)
{
    const byte *base;
    Uint offset, size;

    if (is_not_bitstring(term))
        return 0;
    ERTS_GET_BITSTRING(term, base, offset, size);
    if (size != 8 * ERTS_SECCOMP_HASH_SZ)
        return 0;
    copy_binary_to_buffer(hash, 0, base, offset, size);
    return 1;
}
#else /* before OTP 27 */
static Eterm write_hash(Eterm *hp, const byte *hash)
{
    hp[0] = header_heap_bin(ERTS_SECCOMP_HASH_SZ);
    hp[1] = ERTS_SECCOMP_HASH_SZ;
    sys_memcpy(hp + 2, hash, ERTS_SECCOMP_HASH_SZ);
    return make_binary(hp);
}

static int read_hash(Eterm term, byte *hash)
{
    byte *temp = NULL, *bytes;

    if (is_not_binary(term) || binary_bitsize(term) != 0
        || binary_size(term) != ERTS_SECCOMP_HASH_SZ)
        return 0;
    bytes = erts_get_aligned_binary_bytes(term, &temp);
    sys_memcpy(hash, bytes, ERTS_SECCOMP_HASH_SZ);
    erts_free_aligned_binary_bytes(temp);
    return 1;
}
#endif

static int has_origin(Eterm token)
{
    return (erts_seccomp_token_flags(token) & ERTS_SECCOMP_TOKEN_ORIGIN) != 0;
}

static int is_label(Eterm label)
{
    return (is_tuple_arity(label, 2) || is_tuple_arity(label, 3))
           && tuple_val(label)[1] == am_tag_seccomp;
}

/* The token as it goes to another node, in ERTS_SECCOMP_DIST_SZ words. */
static Eterm write_token(Eterm *hp, Eterm sender, Eterm token)
{
    const ErtsSeccompHooks *h = erts_seccomp_hooks();
    Uint flags = erts_seccomp_token_flags(token);
    byte hash[ERTS_SECCOMP_HASH_SZ];
    Eterm bin, label;

    if (!h || h->hash_of_origin(ID(flags), hash) != 0)
        sys_memset(hash, 0, sizeof(hash)); /* nobody knows this one */
    bin = write_hash(hp, hash);
    hp += 2 + ERTS_SECCOMP_HASH_SZ / sizeof(Eterm);
    if (flags & ERTS_SECCOMP_TOKEN_SILENT) {
        label = TUPLE2(hp, am_tag_seccomp, bin);
        hp += 3;
    } else {
        label = TUPLE3(hp, am_tag_seccomp, bin, LABEL(token));
        hp += 4;
    }
    return TUPLE5(hp, make_small(flags & ERTS_SECCOMP_TOKEN_USER), label,
                  SEQ_TRACE_T_SERIAL(token), sender,
                  SEQ_TRACE_T_LASTCNT(token));
}

/* The same for a message of this process. */
Eterm erts_seccomp_dist_token(Process *c_p, Eterm token)
{
    Uint size = ERTS_SECCOMP_DIST_SZ;

    if (!has_origin(token))
        return erts_seccomp_token_out(c_p, token);
    /* Exactly what is written: the collector reads fragments word by word. */
    if (erts_seccomp_token_flags(token) & ERTS_SECCOMP_TOKEN_SILENT)
        size--;
    return write_token(HAlloc(c_p, size), c_p->common.id, token);
}

/* The same for the answer to a spawn. That nobody here knew the origin is told
 * by the answer itself; whoever asked goes on under the one that it has. */
Eterm erts_seccomp_dist_reply(Eterm *hp, Eterm token)
{
    if (!has_origin(token))
        return token;
    if (ID(erts_seccomp_token_flags(token)) != ERTS_SECCOMP_UNKNOWN)
        return write_token(hp, SEQ_TRACE_T_SENDER(token), token);
    if (erts_seccomp_token_flags(token) & ERTS_SECCOMP_TOKEN_SILENT)
        return NIL;
    return erts_seccomp_hide(token);
}

/* While a connection is set up nobody knows which labels the other node will
 * understand. A message must not go out without its origin because of that. */
int erts_seccomp_dist_must_send(ErtsDSigSendContext *ctx, Eterm token)
{
    return (ctx->dflags & DFLAG_PENDING_CONNECT) && is_label(LABEL(token));
}

/* Turns a label back into an origin. */
static void read_label(Eterm token)
{
    const ErtsSeccompHooks *h = erts_seccomp_hooks();
    Uint flags = erts_seccomp_token_flags(token);
    Eterm *label = tuple_val(LABEL(token));
    Uint32 id = ERTS_SECCOMP_UNKNOWN;
    byte hash[ERTS_SECCOMP_HASH_SZ];

    if (h && read_hash(label[2], hash))
        id = h->origin_of_hash(hash) & ERTS_SECCOMP_MAX_ID;
    flags |= ERTS_SECCOMP_TOKEN_ORIGIN
             | (Uint) id << ERTS_SECCOMP_TOKEN_ID_SHIFT;
    if (arityval(label[0]) == 3) {
        LABEL(token) = label[3];
    } else {
        LABEL(token) = make_small(0);
        /* Where flags are set, somebody on the way has begun to trace. */
        if (!(flags & ERTS_SECCOMP_TOKEN_USER)) {
            flags |= ERTS_SECCOMP_TOKEN_SILENT;
            /* erl_create_process() subtracts one. */
            SEQ_TRACE_T_SERIAL(token) = make_small(1);
        }
    }
    TOKEN_FLAGS(token) = make_small(flags);
}

/* Exits do not carry an origin. */
static int is_exit(Eterm *ctl)
{
    switch (unsigned_val(ctl[1])) {
    case DOP_EXIT_TT:
    case DOP_EXIT2_TT:
    case DOP_PAYLOAD_EXIT_TT:
    case DOP_PAYLOAD_EXIT2_TT:
        return 1;
#ifdef ERTS_DOP_ALTACT_SIG_FLG_TOKEN
    case DOP_ALTACT_SIG_SEND:
        return (erts_seccomp_altact_flags(ctl) & ERTS_DOP_ALTACT_SIG_FLG_EXIT)
               != 0;
#endif
    default:
        return 0;
    }
}

/* A control message of another node. False: its token is none. */
int erts_seccomp_dist_read(Eterm *ctl)
{
    Uint place = erts_seccomp_token_place(ctl);
    Eterm token;

    if (!erts_seccomp_token_in(ctl))
        return 0;
    if (place == 0 || !is_label(LABEL(ctl[place])))
        return 1;
    token = ctl[place];
    read_label(token);
    if (!is_exit(ctl))
        return 1;
    if (erts_seccomp_token_flags(token) & ERTS_SECCOMP_TOKEN_SILENT)
        ctl[place] = NIL;
    else
        erts_seccomp_hide(token);
    return 1;
}

/* A spawn that another node asks for, on behalf of nobody knows whom. */
int erts_seccomp_dist_unknown(Eterm token, Eterm *error)
{
    *error = am_seccomp_unknown;
    return has_origin(token)
           && ID(erts_seccomp_token_flags(token)) == ERTS_SECCOMP_UNKNOWN;
}

/* A process that another node has asked for gets the policy of the origin, on
 * top of what it has. */
void erts_seccomp_dist_child(Process *child, const ErlSpawnOpts *so)
{
    const ErtsSeccompHooks *h = erts_seccomp_hooks();
    Uint32 word = child->seccomp;

    if (!has_origin(so->token))
        return;
    if (!h
        || h->remote_child(child->common.id, so->dist_entry->sysname,
                           ID(erts_seccomp_token_flags(so->token)), &word)
               != 0)
        word = ERTS_SECCOMP_DENY_ALL_WORD;
    child->seccomp = word;
}

/* The reason for which a spawn on another node failed, as it is told here: the
 * protocol allows atoms alone. Other results are left as they are. */
Uint erts_seccomp_dist_result_sz(Eterm result)
{
    return result == am_seccomp_unknown ? 3 : 0;
}

Eterm erts_seccomp_dist_result(Eterm **hpp, Eterm result, Eterm copy)
{
    Eterm *hp = *hpp;

    if (result != am_seccomp_unknown)
        return copy;
    *hpp += 3;
    return TUPLE2(hp, am_seccomp, am_unknown_policy);
}
