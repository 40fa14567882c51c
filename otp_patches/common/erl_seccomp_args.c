/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: rules about the arguments of a call, for the library.
 *
 * A rule {M, F, A, MatchSpec} is a match specification on the list of
 * arguments. It is compiled and run by the engine that serves ets and tracing,
 * in the dialect of ets: there a program can look at terms and do nothing else,
 * while that of tracing has actions that turn on tracing or print.
 *
 * The library keeps compiled programs with its policies, is asked with the
 * registers of the call (decide), and has the programs run on them here.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "erl_binary.h"
#include "erl_db_util.h"
#include "erl_seccomp.h"
#include "erl_seccomp_gate.h"

/* Whether the hooks of this emulator hand over the arguments of calls: those
 * that can open gates do. Elsewhere no call under such a rule is allowed. */
int erl_seccomp_has_args(void)
{
    return ERTS_SECCOMP_HAS_GATES;
}

/* Compiles a match specification, which is not kept. NULL: it is none, or has
 * actions. */
void *erl_seccomp_args_new(Eterm spec)
{
    Uint freason;

    /* Only the dialect of tracing makes use of a process. */
    return db_match_set_compile(NULL, spec, DCOMP_TABLE, &freason);
}

/* Frees what the former gave; nobody runs it any more. */
void erl_seccomp_args_free(void *program)
{
    erts_bin_free((Binary *) program);
}

/*
 * Runs a program on the arguments of a call of the process that is running. The
 * list it sees lives on the C stack and what it builds in a heap of the
 * scheduler's, so nothing happens to the heap of the process.
 */
Sint32 erl_seccomp_args_run(void *program, const Eterm *args, Uint32 arity)
{
    Process *c_p = erts_get_current_process();
    Eterm cells[2 * MAX_ARG], list = NIL, result;
    Uint32 flags;
    Sint32 answer;

    if (!c_p || arity > MAX_ARG)
        return ERTS_SECCOMP_ARGS_OTHER;
    while (arity-- > 0)
        list = CONS(&cells[2 * arity], args[arity], list);
    result = db_prog_match(c_p, c_p, (Binary *) program, list, NULL, 0,
                           ERTS_PAM_TMP_RESULT, &flags);
    if (result == am_true)
        answer = ERTS_SECCOMP_ARGS_TRUE;
    else if (is_non_value(result) || result == am_false)
        answer = ERTS_SECCOMP_ARGS_FALSE;
    else
        answer = ERTS_SECCOMP_ARGS_OTHER;
    erts_match_set_release_result(c_p);
    return answer;
}
