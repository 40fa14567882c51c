/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sends for the process that calls: a message in an environment of its own or
 * copied from that of the call, and a command to a port. On a scheduler of
 * either kind.
 */

#include "erl_nif.h"

static ERL_NIF_TERM sent(ErlNifEnv *env, int done)
{
    return enif_make_atom(env, done ? "true" : "false");
}

static ERL_NIF_TERM send_moved(ErlNifEnv *env, int argc,
                               const ERL_NIF_TERM argv[])
{
    ErlNifPid to;
    ErlNifEnv *own;
    int done;

    if (!enif_get_local_pid(env, argv[0], &to))
        return enif_make_badarg(env);
    own = enif_alloc_env();
    done = enif_send(env, &to, own, enif_make_copy(own, argv[1]));
    enif_free_env(own);
    return sent(env, done);
}

static ERL_NIF_TERM send_copied(ErlNifEnv *env, int argc,
                                const ERL_NIF_TERM argv[])
{
    ErlNifPid to;

    if (!enif_get_local_pid(env, argv[0], &to))
        return enif_make_badarg(env);
    return sent(env, enif_send(env, &to, NULL, argv[1]));
}

static ERL_NIF_TERM command(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    ErlNifPort to;

    if (!enif_get_local_port(env, argv[0], &to))
        return enif_make_badarg(env);
    return sent(env, enif_port_command(env, &to, NULL, argv[1]));
}

#define DIRTY ERL_NIF_DIRTY_JOB_IO_BOUND

static ErlNifFunc functions[] = {{"send_moved", 2, send_moved},
                                 {"send_copied", 2, send_copied},
                                 {"command", 2, command},
                                 {"send_moved_dirty", 2, send_moved, DIRTY},
                                 {"send_copied_dirty", 2, send_copied, DIRTY},
                                 {"command_dirty", 2, command, DIRTY}};

ERL_NIF_INIT(seccomp_test_nif, functions, NULL, NULL, NULL, NULL)
