/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * seccomp for the BEAM: the check as x86-64 code, for the two fragments of
 * the JIT that calls of a restricted process go through.
 */

#ifndef ERL_SECCOMP_X86_HPP__
#define ERL_SECCOMP_X86_HPP__

extern "C"
{
#include "erl_seccomp_gate.h"
}

/*
 * Goes on when the process (in c_p) is known to be allowed to call the export
 * entry in exp, and jumps to slow when somebody must have a closer look.
 * Clobbers the three scratch registers.
 */
static inline void erts_seccomp_emit_test(asmjit::x86::Assembler &a,
                                          const asmjit::x86::Gp &c_p,
                                          const asmjit::x86::Gp &exp,
                                          const asmjit::x86::Gp &t1,
                                          const asmjit::x86::Gp &t2,
                                          const asmjit::x86::Gp &t3,
                                          const asmjit::Label &slow) {
    using namespace asmjit;

    a.mov(t1.r32(), x86::dword_ptr(c_p, offsetof(Process, seccomp)));
    a.mov(t2.r32(), t1.r32());
    a.and_(t2.r32(), imm(ERTS_SECCOMP_CHECKED | ERTS_SECCOMP_SAVE_CALLS));
    a.cmp(t2.r32(), imm(ERTS_SECCOMP_CHECKED));
    a.jne(slow);

    a.mov(t2, imm(erts_seccomp_bits));
    a.shr(t1.r32(), imm(ERTS_SECCOMP_POLICY_SHIFT));
    a.mov(t2, x86::qword_ptr(t2, t1, 3));

    /* `bt` with a memory operand is slow, so the word is loaded first. */
    a.mov(t1.r32(), x86::dword_ptr(exp, offsetof(Export, seccomp_ix)));
    a.mov(t3.r32(), t1.r32());
    a.shr(t3.r32(), imm(5));
    a.mov(t2.r32(), x86::dword_ptr(t2, t3, 2));
    a.bt(t2.r32(), t1.r32());
    a.jnc(slow);
    erts_seccomp_emitted++;
}

#endif /* ERL_SECCOMP_X86_HPP__ */
