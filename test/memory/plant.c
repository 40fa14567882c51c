/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Faults on purpose, to see that the memory checker finds such: a block that
 * nobody can free any more, blocks that are only kept, and a look into one that
 * was freed. And a call that lasts until it is told to end: meanwhile its
 * process handles no signals.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "erl_nif.h"

static atomic_int held;

static ERL_NIF_TERM leak(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    void *volatile block = malloc(1000);

    block = NULL;
    return enif_make_int(env, block != NULL);
}

static ERL_NIF_TERM keep(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    static void *volatile last;
    void **block = malloc(sizeof(void *));

    *block = last;
    last = block;
    return enif_make_int(env, 0);
}

static ERL_NIF_TERM read_freed(ErlNifEnv *env, int argc,
                               const ERL_NIF_TERM argv[])
{
    int *volatile block = malloc(sizeof(int));
    int value;

    *block = 1;
    free(block);
    value = *block;
    return enif_make_int(env, value);
}

/* Not for ever: whoever is to release it may have failed. */
static ERL_NIF_TERM hold(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    int tries = 60000;

    atomic_store(&held, 1);
    while (atomic_load(&held) && tries-- > 0)
        usleep(1000);
    return enif_make_int(env, tries);
}

static ERL_NIF_TERM release(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    return enif_make_int(env, atomic_exchange(&held, 0));
}

static ErlNifFunc functions[] = {{"leak", 0, leak},
                                 {"keep", 0, keep},
                                 {"read_freed", 0, read_freed},
                                 {"hold", 0, hold},
                                 {"release", 0, release}};

ERL_NIF_INIT(seccomp_memory_plant, functions, NULL, NULL, NULL, NULL)
