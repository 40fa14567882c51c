/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: what other nodes use, for erl_seccomp_guard.c: whether
 * this node gave them a pid, and what their messages and spawn options look
 * like. A payload stays as it is. And what orders to servers look like, for
 * erl_seccomp_send.c, too.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#define ERTS_WANT_EXTERNAL_TAGS
#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "big.h"
#include "register.h"
#include "bif.h"
#include "atom.h"
#include "erl_message.h"
#include "external.h"
#include "erl_fun.h"
#include "export.h"
#include "erl_seccomp_guard.h"

/* A bigger first heap than this is an attempt on the node's memory: the
 * emulator ends when it cannot have what it was asked for. In words. */
#define MAX_HEAP (1 << 20)

/* An io request with more words than this is refused and not looked at. */
#define MAX_IO (1 << 16)

erts_atomic_t erts_seccomp_guard_given;

Eterm erts_seccomp_guard_gate;

static Eterm am_erpc, am_execute_call;
static Eterm am_gen_call, am_gen_cast, am_is_auth, am_io_request, am_io_lib,
    am_put_chars, am_requests, am_get_geometry, am_format, am_start_child,
    am_get_chars, am_get_line, am_get_password, am_get_until, am_erl_scan,
    am_tokens, am_reserved_word, am_fread;

void erts_seccomp_guard_shape_init(void)
{
    erts_atomic_init_nob(&erts_seccomp_guard_given, 0);
    erts_seccomp_guard_gate = am_atom_put("seccomp_rshell_gate", 19);
    am_erpc = am_atom_put("erpc", 4);
    am_execute_call = am_atom_put("execute_call", 12);
    am_gen_call = am_atom_put("$gen_call", 9);
    am_gen_cast = am_atom_put("$gen_cast", 9);
    am_is_auth = am_atom_put("is_auth", 7);
    am_io_request = am_atom_put("io_request", 10);
    am_io_lib = am_atom_put("io_lib", 6);
    am_put_chars = am_atom_put("put_chars", 9);
    am_requests = am_atom_put("requests", 8);
    am_get_geometry = am_atom_put("get_geometry", 12);
    am_format = am_atom_put("format", 6);
    am_start_child = am_atom_put("start_child", 11);
    am_get_chars = am_atom_put("get_chars", 9);
    am_get_line = am_atom_put("get_line", 8);
    am_get_password = am_atom_put("get_password", 12);
    am_get_until = am_atom_put("get_until", 9);
    am_erl_scan = am_atom_put("erl_scan", 8);
    am_tokens = am_atom_put("tokens", 6);
    am_reserved_word = am_atom_put("reserved_word", 13);
    am_fread = am_atom_put("fread", 5);
}

/* From now on it is known which pids were written for others. */
int erts_seccomp_guard_start_giving(void)
{
    void *table;

    if (erts_atomic_read_nob(&erts_seccomp_guard_given) != 0)
        return 1;
    /* Not from our own allocators: the kernel gives a page when it is used. */
    table = calloc(erts_ptab_max(&erts_proc), sizeof(erts_atomic_t));
    if (!table)
        return 0;
    if (erts_atomic_cmpxchg_mb(&erts_seccomp_guard_given, (erts_aint_t) table,
                               0) != 0)
        free(table);
    return 1;
}

void erts_seccomp_guard_give(Eterm pid)
{
    erts_atomic_t *given = (erts_atomic_t *)
        erts_atomic_read_ddrb(&erts_seccomp_guard_given);

    erts_atomic_set_nob(&given[internal_pid_index(pid)], (erts_aint_t) pid);
}

int erts_seccomp_guard_is_given(Eterm pid)
{
    erts_atomic_t *given = (erts_atomic_t *)
        erts_atomic_read_ddrb(&erts_seccomp_guard_given);

    return given && internal_pid_index(pid) < erts_ptab_max(&erts_proc)
           && erts_atomic_read_nob(&given[internal_pid_index(pid)])
                  == (erts_aint_t) pid;
}

/* The first bytes of a payload, so many at most, and zeros behind them for an
 * atom that is cut off. Its fragments may cut it anywhere. */
void erts_seccomp_guard_read(ErtsDistExternal *edep, byte *to, size_t most)
{
    Uint64 count = edep->data->frag_id > 1 ? edep->data->frag_id : 1, i;
    size_t have = 0;

    for (i = 0; i < count && have < most; i++) {
        const ErtsDistExternalData *data = &edep->data[i];
        size_t more = data->ext_endp - data->extp;

        more = more < most - have ? more : most - have;
        sys_memcpy(to + have, data->extp, more);
        have += more;
    }
    sys_memset(to + have, 0, most + ERTS_SECCOMP_GUARD_HEAD - have);
}

/* The atom that the bytes stand for if it exists, in all forms that dec_atom()
 * of external.c knows. Then they begin behind it. */
Eterm erts_seccomp_guard_atom(ErtsDistExternal *edep, const byte **bytes)
{
    const byte *ep = *bytes;
    ErtsAtomEncoding encoding = ERTS_ATOM_ENC_UTF8;
    Eterm atom;
    Uint length;

    switch (*ep++) {
    case ATOM_CACHE_REF:
        if (!(edep->flags & ERTS_DIST_EXT_ATOM_TRANS_TAB)
            || *ep >= edep->attab.size)
            return THE_NON_VALUE;
        *bytes = ep + 1;
        return edep->attab.atom[*ep];
    case ATOM_INTERNAL_REF2:
        *bytes = ep + 2;
        return make_atom(get_int16(ep));
    case ATOM_INTERNAL_REF3:
        *bytes = ep + 3;
        return make_atom(get_int24(ep));
    case ATOM_EXT:
        encoding = ERTS_ATOM_ENC_LATIN1; /* fall through */
    case ATOM_UTF8_EXT:
        length = get_int16(ep);
        ep += 2;
        break;
    case SMALL_ATOM_EXT:
        encoding = ERTS_ATOM_ENC_LATIN1; /* fall through */
    case SMALL_ATOM_UTF8_EXT:
        length = *ep++;
        break;
    default:
        return THE_NON_VALUE;
    }
    *bytes = ep + length;
    if (length <= 255 && erts_atom_get((char *) ep, length, &atom, encoding))
        return atom;
    return THE_NON_VALUE;
}

/* From OTP 26 on a byte may say that a node has written a term for itself. It
 * can stand before any term, so it could hide what a message is; no node sends
 * it to another one. */
#ifdef LOCAL_EXT
#  define IS_LOCAL_EXT(Byte) ((Byte) == LOCAL_EXT)
#else
#  define IS_LOCAL_EXT(Byte) 0
#endif

/* The first element of a payload that is a tuple, if it is an atom; that of an
 * order, if it cannot be seen. */
static Eterm tag_of(ErtsDistExternal *edep)
{
    byte bytes[2 * ERTS_SECCOMP_GUARD_HEAD];
    const byte *ep = bytes;

    erts_seccomp_guard_read(edep, bytes, ERTS_SECCOMP_GUARD_HEAD);
    if (!(edep->flags & ERTS_DIST_EXT_DFLAG_HDR))
        ep++;
    if (*ep == SMALL_TUPLE_EXT)
        ep += 2;
    else if (*ep == LARGE_TUPLE_EXT)
        ep += 5;
    else
        return IS_LOCAL_EXT(*ep) ? am_system : THE_NON_VALUE;
    return IS_LOCAL_EXT(*ep) ? am_system : erts_seccomp_guard_atom(edep, &ep);
}

/* Whether a payload of so many words at most is what the function looks for. */
int erts_seccomp_guard_looks(ErtsDistExternal *edep, Sint limit,
                             int (*like)(Eterm, const void *),
                             const void *what)
{
    const byte *start = edep->data->extp;
    ErtsHeapFactory factory;
    Eterm *heap, term;
    Sint size;
    int found;

    if (edep->data->frag_id > 1)
        return 0;
    size = erts_decode_dist_ext_size(edep, 0, 0);
    if (size < 0 || size > limit)
        return 0;
    heap = erts_alloc(ERTS_ALC_T_DCTRL_BUF, (size + 1) * sizeof(Eterm));
    erts_factory_tmp_init(&factory, heap, size, ERTS_ALC_T_DCTRL_BUF);
    term = erts_decode_dist_ext(&factory, edep, 0);
    edep->data->extp = (byte *) start; /* const from OTP 27 on */
    found = is_value(term) && like(term, what);
    erts_factory_close(&factory);
    erts_free(ERTS_ALC_T_DCTRL_BUF, heap);
    return found;
}

static int like_ping(Eterm term, const void *what)
{
    Eterm *call;

    if (is_not_tuple_arity(term, 3))
        return 0;
    call = tuple_val(term);
    return call[1] == am_gen_call && is_tuple_arity(call[3], 2)
           && tuple_val(call[3])[1] == am_is_auth;
}

/* {'$gen_call', From, {is_auth, Node}}, with which net_adm:ping/1 asks. Other
 * requests to net_kernel may ask it to spawn. */
int erts_seccomp_guard_is_ping(ErtsDistExternal *edep)
{
    return erts_seccomp_guard_looks(edep, 64, like_ping, NULL);
}

/* An io request without a function that the server would call, but for
 * io_lib:format/2, which is how io:format/2 prints on the other node. */
static int harmless_io(Eterm request, int nested)
{
    Eterm *r, list;

    if (is_not_tuple(request))
        return 0;
    r = tuple_val(request);
    switch (arityval(*r)) {
    case 2:
        if (r[1] != am_requests || nested)
            return (r[1] == am_put_chars && !is_tuple(r[2]))
                   || r[1] == am_get_geometry;
        for (list = r[2]; is_list(list); list = CDR(list_val(list))) {
            if (!harmless_io(CAR(list_val(list)), 1))
                return 0;
        }
        return is_nil(list);
    case 3:
        return r[1] == am_put_chars;
    case 5:
        return r[1] == am_put_chars && r[3] == am_io_lib && r[4] == am_format
               && is_list(r[5]) && is_list(CDR(list_val(r[5])))
               && is_nil(CDR(list_val(CDR(list_val(r[5])))));
    default:
        return 0;
    }
}

static int like_harmless_io(Eterm term, const void *what)
{
    return is_tuple_arity(term, 4) && harmless_io(tuple_val(term)[4], 0);
}

/*
 * Orders that OTP's servers obey whatever they are there for: system messages
 * (sys:replace_state/2 runs a fun), forged exits, which end a server, and io
 * requests with a function.
 */
int erts_seccomp_guard_is_order(ErtsDistExternal *edep)
{
    Eterm tag = tag_of(edep);

    if (is_non_value(tag))
        return 0;
    return tag == am_system || tag == am_EXIT
           || (tag == am_io_request
               && !erts_seccomp_guard_looks(edep, MAX_IO, like_harmless_io,
                                            NULL));
}

/* Whether a generic server of OTP is asked for something. */
int erts_seccomp_guard_is_request(ErtsDistExternal *edep)
{
    Eterm tag = tag_of(edep);

    return tag == am_gen_call || tag == am_gen_cast;
}

/* A request to a supervisor that has a function in it, which it calls itself;
 * what is added to a function that it knows is a list. */
static int is_child_spec(Eterm request)
{
    Eterm *r;

    if (is_not_tuple_arity(request, 2))
        return 0;
    r = tuple_val(request);
    return r[1] == am_start_child && (is_tuple(r[2]) || is_map(r[2]));
}

/* fun erl_scan:reserved_word/1, with which shells read. */
static int is_reserved_word(Eterm term)
{
    ErlFunThing *fun;

    if (is_not_any_fun(term))
        return 0;
    fun = (ErlFunThing *) fun_val(term);
    return is_external_fun(fun)
           && fun->entry.exp->info.mfa.module == am_erl_scan
           && fun->entry.exp->info.mfa.function == am_reserved_word;
}

/* Options, none of which is a function but that one. */
static int only_data(Eterm list)
{
    Eterm *opt;

    for (; is_list(list); list = CDR(list_val(list))) {
        if (is_atom(CAR(list_val(list))))
            continue;
        if (is_not_tuple_arity(CAR(list_val(list)), 2))
            return 0;
        opt = tuple_val(CAR(list_val(list)));
        if (is_any_fun(opt[2]) && !is_reserved_word(opt[2]))
            return 0;
    }
    return is_nil(list);
}

/* What programs and shells read with; the first function is called with each
 * line, the second one is that of io:fread/2. */
static int is_harmless_parser(Eterm m, Eterm f, Eterm args)
{
    Eterm last = NIL;

    if (m == am_io_lib && f == am_fread)
        return 1;
    if (m != am_erl_scan || f != am_tokens)
        return 0;
    for (; is_list(args); args = CDR(list_val(args)))
        last = CAR(list_val(args));
    return is_nil(args) && (is_not_list(last) || only_data(last));
}

/* An io request that makes the server call nothing but what these do. */
static int is_harmless_request(Eterm request)
{
    Eterm *r;
    Uint arity;

    if (is_not_tuple(request))
        return 1;
    r = tuple_val(request);
    arity = arityval(*r);
    if (arity == 0)
        return 1;
    if (r[1] == am_get_chars || r[1] == am_get_line || r[1] == am_get_password)
        return 1;
    if (r[1] == am_setopts)
        return arity == 2 && only_data(r[2]);
    if (r[1] == am_get_until)
        return arity == 6 && is_harmless_parser(r[4], r[5], r[6]);
    return harmless_io(request, 0);
}

/* The same for a message of a process of this node, to whom the server may
 * answer and who may be its child. */
int erts_seccomp_is_order(Eterm msg)
{
    Eterm *m;

    if (is_not_tuple(msg))
        return 0;
    m = tuple_val(msg);
    switch (arityval(*m)) {
    case 3:
        return m[1] == am_system || m[1] == am_EXIT
               || (m[1] == am_gen_call && is_child_spec(m[3]));
    case 4:
        return m[1] == am_io_request && !is_harmless_request(m[4]);
    default:
        return 0;
    }
}

/* Options with which a spawn harms the node before the policy holds. Others,
 * and lists that are none, are for erts_parse_spawn_opts(). */
int erts_seccomp_guard_is_harmful(Eterm opts)
{
    for (; is_list(opts); opts = CDR(list_val(opts))) {
        Eterm *opt, option = CAR(list_val(opts));

        if (is_not_tuple_arity(option, 2))
            continue;
        opt = tuple_val(option);
        if (opt[1] == am_priority && (opt[2] == am_high || opt[2] == am_max))
            return 1;
        if ((opt[1] == am_min_heap_size || opt[1] == am_min_bin_vheap_size)
            && !(is_small(opt[2]) && signed_val(opt[2]) <= MAX_HEAP))
            return 1;
    }
    return 0;
}

/* A remote call, as rpc and erpc ask for it, enters through the function of
 * that name in the gate's module. The process is under the guard's policy all
 * the same; this only chooses what it calls first. */
void erts_seccomp_guard_enter_gate(Eterm *mfa)
{
    if (mfa[1] == am_erpc && mfa[2] == am_execute_call
        && mfa[3] == make_small(4))
        mfa[1] = erts_seccomp_guard_gate;
}

/*
 * From OTP 28 on one operation does what several did, and may give the message
 * priority. Here it becomes the older one that does the same, which is looked
 * at and carried out instead; so a guarded node gives no message of another
 * node priority. What is none of those is left to dist.c, which closes the
 * connection. False: it cannot be said in the older way.
 */
int erts_seccomp_guard_plain(Eterm **control, Eterm *room)
{
#ifdef ERTS_DOP_ALTACT_SIG_FLG_TOKEN
    Eterm *c = *control, from, to, token;
    Uint flags, at;

    if (unsigned_val(c[1]) != DOP_ALTACT_SIG_SEND || arityval(c[0]) < 4)
        return 1;
    flags = erts_seccomp_altact_flags(c);
    token = flags & ERTS_DOP_ALTACT_SIG_FLG_TOKEN ? c[5] : NIL;
    from = c[3];
    to = c[4];
    if (is_not_pid(from)
        || (is_small(c[2]) ? signed_val(c[2]) < 0
                           : is_not_big(c[2]) || BIG_SIGN(big_val(c[2]))))
        return 1;
    if (flags & ERTS_DOP_ALTACT_SIG_FLG_ALIAS) {
        if (is_not_ref(to) || (flags & ERTS_DOP_ALTACT_SIG_FLG_NAME))
            return 1;
        at = DOP_ALIAS_SEND;
    } else if (flags & ERTS_DOP_ALTACT_SIG_FLG_NAME) {
        if (is_not_atom(to))
            return 1;
        at = DOP_REG_SEND;
    } else {
        if (is_not_pid(to))
            return 1;
        at = DOP_SEND_SENDER;
    }
    if (flags & ERTS_DOP_ALTACT_SIG_FLG_EXIT) {
        if (at == DOP_ALIAS_SEND)
            return 0;
        if (at == DOP_REG_SEND)
            to = erts_whereis_name_to_id(NULL, to);
        if (is_not_pid(to))
            return 0;
        /* Exits do not carry an origin, and a trace is no loss. */
        (void) TUPLE3(room, make_small(DOP_PAYLOAD_EXIT2), from, to);
    } else if (at == DOP_REG_SEND) {
        if (is_nil(token))
            (void) TUPLE4(room, make_small(at), from, am_Empty, to);
        else
            (void) TUPLE5(room, make_small(DOP_REG_SEND_TT), from, am_Empty,
                          to, token);
    } else if (is_nil(token))
        (void) TUPLE3(room, make_small(at), from, to);
    else
        (void) TUPLE4(room,
                      make_small(at == DOP_ALIAS_SEND ? DOP_ALIAS_SEND_TT
                                                      : DOP_SEND_SENDER_TT),
                      from, to, token);
    *control = room;
#endif
    return 1;
}
