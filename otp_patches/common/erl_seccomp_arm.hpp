/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: the check as AArch64 code, for the two fragments of
 * the JIT that calls of a restricted process go through.
 */

#ifndef ERL_SECCOMP_ARM_HPP__
#define ERL_SECCOMP_ARM_HPP__

extern "C"
{
#include "erl_seccomp.h"
}

/*
 * Goes on when the process (in c_p) is known to be allowed to call the export
 * entry in exp, and jumps to slow when somebody must have a closer look.
 * Clobbers the three scratch registers.
 */
static inline void erts_seccomp_emit_test(asmjit::a64::Assembler &a,
                                          const asmjit::a64::Gp &c_p,
                                          const asmjit::a64::Gp &exp,
                                          const asmjit::a64::Gp &t1,
                                          const asmjit::a64::Gp &t2,
                                          const asmjit::a64::Gp &t3,
                                          const asmjit::Label &slow) {
    /* What is named here has moved from one to the other between versions. */
    using namespace asmjit;
    using namespace asmjit::arm;
    using namespace asmjit::a64;

    a.ldr(t1.w(), ptr(c_p, offsetof(Process, seccomp)));
    a.and_(t2.w(), t1.w(), imm(ERTS_SECCOMP_E | ERTS_SECCOMP_SAVE_CALLS));
    a.cmp(t2.w(), imm(ERTS_SECCOMP_E));
    a.b_ne(slow);

    a.mov(t2, imm(erts_seccomp_bits));
    a.lsr(t1.w(), t1.w(), imm(ERTS_SECCOMP_POLICY_SHIFT));
    a.ldr(t2, ptr(t2, t1, lsl(3)));

    a.ldr(t1.w(), ptr(exp, offsetof(Export, seccomp_ix)));
    a.lsr(t3.w(), t1.w(), imm(5));
    a.ldr(t2.w(), ptr(t2, t3, lsl(2)));
    /* The shift takes the low five bits of the number alone. */
    a.lsr(t2.w(), t2.w(), t1.w());
    a.tbz(t2.w(), imm(0), slow);
    erts_seccomp_emitted++;
}

#endif /* ERL_SECCOMP_ARM_HPP__ */
