/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: the exceptions that denials end in.
 */

#ifdef HAVE_CONFIG_H
#  include "config.h"
#endif

#include "sys.h"
#include "erl_vm.h"
#include "global.h"
#include "error.h"
#include "bif.h"
#include "erl_map.h"
#include "erl_seccomp.h"

static Eterm am_seccomp, am_seccomp_error;

void erts_seccomp_refuse_init(void)
{
    am_seccomp = am_atom_put("seccomp", 7);
    am_seccomp_error = am_atom_put("seccomp_error", 13);
}

/* Leaves the exception {seccomp, What} that something denied ends in, and what
 * a signal was for. */
void erts_seccomp_refuse_term(Process *c_p, Eterm what, Eterm target,
                              Sint32 verdict)
{
    Eterm *hp = HAlloc(c_p, 3);
    Eterm reason = TUPLE2(hp, am_seccomp, what), info;

    if (verdict == ERTS_SECCOMP_KILL) {
        /* Panics are not caught. */
        c_p->fvalue = reason;
        c_p->freason = EXC_EXIT | EXF_PANIC;
    } else {
        /* As erlang:error/3 would do it; the arguments are taken from the
         * registers by save_stacktrace(). */
        if (is_value(target)) {
            hp = HAlloc(c_p, MAP2_SZ);
            info = MAP2(hp, am_module, am_seccomp_error, am_send, target);
        } else {
            hp = HAlloc(c_p, MAP1_SZ);
            info = MAP1(hp, am_module, am_seccomp_error);
        }
        hp = HAlloc(c_p, 4);
        c_p->fvalue = TUPLE3(hp, reason, NIL, info);
        c_p->freason = EXC_ERROR_3;
    }
}

/* The same for a call of M:F/A, or a signal to a target. Gives freason. */
int erts_seccomp_refuse_call(Process *c_p, Eterm m, Eterm f, Uint a,
                             Eterm target, Sint32 verdict)
{
    Eterm *hp = HAlloc(c_p, 4);

    erts_seccomp_refuse_term(c_p, TUPLE3(hp, m, f, make_small(a)), target,
                             verdict);
    return c_p->freason;
}

int erts_seccomp_refuse(Process *c_p, const ErtsCodeMFA *mfa, Eterm target,
                        Sint32 verdict)
{
    return erts_seccomp_refuse_call(c_p, mfa->module, mfa->function,
                                    mfa->arity, target, verdict);
}

/*
 * For save_stacktrace(), once it has been given what is left here: whether
 * this is a denial. error/1, exit/1 and throw/1 are not the first entry of
 * stack traces that they raise, but have to be where they are denied. The map
 * made here has no cause, as those of the library's own errors do; that of a
 * signal has a target.
 */
int erts_seccomp_is_denial(Process *c_p)
{
    const Eterm *module;

    if (c_p->freason != EXC_ERROR_3 || !is_flatmap(c_p->fvalue)
        || (flatmap_get_size(flatmap_val(c_p->fvalue)) != 1
            && !erts_maps_get(am_send, c_p->fvalue)))
        return 0;
    module = erts_maps_get(am_module, c_p->fvalue);
    return module && *module == am_seccomp_error;
}
