/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: provenance between nodes. See erl_seccomp_dist.c.
 */

#ifndef ERL_SECCOMP_DIST_H__
#define ERL_SECCOMP_DIST_H__

#include "erl_seccomp_origin.h"
#include "dist.h"

/* Of a SHA-256, with which policies are named between nodes. */
#define ERTS_SECCOMP_HASH_SZ 32

/* What a token for another node may take: token, label, hash. */
#define ERTS_SECCOMP_DIST_SZ                                                \
    (ERTS_SECCOMP_TOKEN_SZ + 4                                              \
     + 2 + ERTS_SECCOMP_HASH_SZ / sizeof(Eterm))

void erts_seccomp_dist_init(void);
Eterm erts_seccomp_dist_token(Process *c_p, Eterm token);
Eterm erts_seccomp_dist_reply(Eterm *hp, Eterm token);
int erts_seccomp_dist_must_send(ErtsDSigSendContext *ctx, Eterm token);
int erts_seccomp_dist_read(Eterm *ctl);
int erts_seccomp_dist_unknown(Eterm token, Eterm *error);
void erts_seccomp_dist_child(Process *child, const ErlSpawnOpts *so);
Uint erts_seccomp_dist_result_sz(Eterm result);
Eterm erts_seccomp_dist_result(Eterm **hpp, Eterm result, Eterm copy);

#endif /* ERL_SECCOMP_DIST_H__ */
