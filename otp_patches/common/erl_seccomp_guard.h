/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: what other nodes may do to this one.
 *
 * Where a guard is set, each control message of the distribution is looked at
 * before it is carried out. Without one, that is a load and a compare.
 */

#ifndef ERL_SECCOMP_GUARD_H__
#define ERL_SECCOMP_GUARD_H__

#include "sys.h"
#include "dist.h"
#include "erl_seccomp_origin.h"

/* In place of the operation of a control message that was refused. */
#define ERTS_SECCOMP_GUARD_REFUSED (-1)

/* For a control message with a token, and that token. */
#define ERTS_SECCOMP_GUARD_ROOM (7 + ERTS_SECCOMP_TOKEN_SZ)

/* More bytes than the beginning of a tuple takes up to the end of an atom. */
#define ERTS_SECCOMP_GUARD_HEAD 300

typedef struct {
    ErtsThrPrgrLaterOp later;
    Uint32 flags;
    Uint32 policy; /* the number of the policy that remote spawns get */
    Uint32 names;
    Uint32 calls;
    const ErtsSeccompGuardCall *call; /* behind the names */
    ErtsSeccompGuardName name[1];
} ErtsSeccompGuard;

/* The guard that is set, or NULL. */
extern erts_atomic_t erts_seccomp_guard_current;
/* For each process slot the last pid that was written for somebody else; NULL
 * before a guard wants to know. */
extern erts_atomic_t erts_seccomp_guard_given;
/* The module and process that remote calls can be made to enter through. */
extern Eterm erts_seccomp_guard_gate;

void erts_seccomp_guard_init(void);
void erts_seccomp_guard_boot(int argc, char **argv);
Sint erts_seccomp_guard_check(DistEntry *dep, Uint32 conn_id, Eterm **control,
                              Eterm *room, ErtsDistExternal *edep,
                              ErlHeapFragment *hfrag, Eterm *free);
Uint32 erts_seccomp_guard_child(Eterm child, const ErlSpawnOpts *so);
void erts_seccomp_guard_give(Eterm pid);

void erts_seccomp_guard_shape_init(void);
int erts_seccomp_guard_start_giving(void);
int erts_seccomp_guard_is_given(Eterm pid);
int erts_seccomp_guard_is_ping(ErtsDistExternal *edep);
int erts_seccomp_guard_is_order(ErtsDistExternal *edep);
int erts_seccomp_guard_is_request(ErtsDistExternal *edep);
int erts_seccomp_guard_is_harmful(Eterm opts);
int erts_seccomp_guard_plain(Eterm **control, Eterm *room);
void erts_seccomp_guard_enter_gate(Eterm *mfa);
int erts_seccomp_guard_looks(ErtsDistExternal *edep, Sint limit,
                             int (*like)(Eterm, const void *),
                             const void *what);
void erts_seccomp_guard_read(ErtsDistExternal *edep, byte *to, size_t most);
Eterm erts_seccomp_guard_atom(ErtsDistExternal *edep, const byte **ep);

void erts_seccomp_guard_calls_init(void);
int erts_seccomp_guard_spawns_call(const ErtsSeccompGuard *g, Eterm mfa,
                                   ErtsDistExternal *edep);
int erts_seccomp_guard_asks_call(const ErtsSeccompGuard *g,
                                 ErtsDistExternal *edep);

/* The operation of a control message, if it may be carried out. The message may
 * get a token: it is written to `room` then, or, if the payload came in
 * fragments, to the free words of theirs. */
static ERTS_INLINE Sint erts_seccomp_guard_op(DistEntry *dep, Uint32 conn_id,
                                              Eterm **control, Eterm *room,
                                              ErtsDistExternal *edep,
                                              ErlHeapFragment *hfrag,
                                              Eterm *free)
{
    if (erts_atomic_read_nob(&erts_seccomp_guard_current) == 0)
        return unsigned_val((*control)[1]);
    return erts_seccomp_guard_check(dep, conn_id, control, room, edep, hfrag,
                                    free);
}

/* A pid leaves the node. */
static ERTS_INLINE void erts_seccomp_guard_gives(Eterm pid)
{
    if (erts_atomic_read_nob(&erts_seccomp_guard_given) != 0)
        erts_seccomp_guard_give(pid);
}

#endif /* ERL_SECCOMP_GUARD_H__ */
