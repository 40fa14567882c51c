/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Faults on purpose, to see that the memory checker finds such: a block that
 * nobody can free any more, and a look into one that was freed.
 */

#include <stdlib.h>

#include "erl_nif.h"

static ERL_NIF_TERM leak(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    void *volatile block = malloc(1000);

    block = NULL;
    return enif_make_int(env, block != NULL);
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

static ErlNifFunc functions[] = {{"leak", 0, leak},
                                 {"read_freed", 0, read_freed}};

ERL_NIF_INIT(seccomp_memory_plant, functions, NULL, NULL, NULL, NULL)
