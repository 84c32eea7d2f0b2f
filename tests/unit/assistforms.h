/* SPDX-License-Identifier: MIT */
/* The forms that test_assist.c runs beside the real CPU: a name, the text, defined flags, who has it, what of the state it is about. */
#ifndef SNUG_TESTS_ASSISTFORMS_H
#define SNUG_TESTS_ASSISTFORMS_H

#define ALL(X)                                                                                                       \
	X(1, "popcnt %rbx, %rax", STATUS, has_popcnt, PLAIN)                                                         \
	X(2, "popcnt %bx, %ax", STATUS, has_popcnt, PLAIN)                                                           \
	X(3, "popcnt 8(%rsi), %ecx", STATUS, has_popcnt, PLAIN)                                                      \
	X(4, "crc32b %bl, %eax", STATUS, has_sse42, PLAIN)                                                           \
	X(5, "crc32q %rbx, %rax", STATUS, has_sse42, PLAIN)                                                          \
	X(6, "crc32w 2(%rsi), %edx", STATUS, has_sse42, PLAIN)                                                       \
	X(7, "crc32l (%rsi,%rcx,1), %r9d", STATUS, has_sse42, PLAIN)                                                 \
	X(8, "tzcnt %rbx, %rax", X86_RFLAGS_CF | X86_RFLAGS_ZF, has_bmi1, PLAIN)                                     \
	X(9, "lzcnt %r8d, %r15d", X86_RFLAGS_CF | X86_RFLAGS_ZF, has_lzcnt, PLAIN)                                   \
	X(10, "lzcnt (%rsi), %ax", X86_RFLAGS_CF | X86_RFLAGS_ZF, has_lzcnt, PLAIN)                                  \
	X(11, "andn %rcx, %rbx, %rax", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi1, PLAIN)                   \
	X(12, "andn (%rsi), %ebx, %eax", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi1, PLAIN)                 \
	X(13, "blsi %rbx, %rax", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi1, PLAIN)                         \
	X(14, "blsr %r9d, %r10d", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi1, PLAIN)                        \
	X(15, "blsmsk (%rsi), %rdx", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi1, PLAIN)                     \
	X(16, "bextr %rcx, %rbx, %rax", X86_RFLAGS_CF | X86_RFLAGS_ZF | X86_RFLAGS_OF, has_bmi1, PLAIN)              \
	X(17, "bextr %ecx, (%rsi), %eax", X86_RFLAGS_CF | X86_RFLAGS_ZF | X86_RFLAGS_OF, has_bmi1, PLAIN)            \
	X(18, "bzhi %rcx, %rbx, %rax", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi2, PLAIN)                   \
	X(19, "bzhi %r11d, %ebx, %eax", STATUS & ~(X86_RFLAGS_AF | X86_RFLAGS_PF), has_bmi2, PLAIN)                  \
	X(20, "mulx %rbx, %rax, %rcx", STATUS, has_bmi2, PLAIN)                                                      \
	X(21, "mulx (%rsi), %r8d, %r9d", STATUS, has_bmi2, PLAIN)                                                    \
	X(22, "mulx %rbx, %rax, %rax", STATUS, has_bmi2, PLAIN)                                                      \
	X(23, "pdep %rcx, %rbx, %rax", STATUS, has_bmi2, PLAIN)                                                      \
	X(24, "pext %ecx, %ebx, %eax", STATUS, has_bmi2, PLAIN)                                                      \
	X(25, "pext (%rsi), %r12, %r13", STATUS, has_bmi2, PLAIN)                                                    \
	X(26, "rorx $13, %rbx, %rax", STATUS, has_bmi2, PLAIN)                                                       \
	X(27, "rorx $200, %ebx, %eax", STATUS, has_bmi2, PLAIN)                                                      \
	X(28, "sarx %rcx, %rbx, %rax", STATUS, has_bmi2, PLAIN)                                                      \
	X(29, "shlx %ecx, (%rsi), %eax", STATUS, has_bmi2, PLAIN)                                                    \
	X(30, "shrx %r14, %r15, %rdi", STATUS, has_bmi2, PLAIN)                                                      \
	X(31, "adcx %rbx, %rax", STATUS, has_adx, PLAIN)                                                             \
	X(32, "adox %ebx, %eax", STATUS, has_adx, PLAIN)                                                             \
	X(33, "adox (%rsi), %rax", STATUS, has_adx, PLAIN)                                                           \
	X(34, "movbe (%rsi), %rax", STATUS, has_movbe, PLAIN)                                                        \
	X(35, "movbe %bx, 1(%rsi)", STATUS, has_movbe, PLAIN)                                                        \
	X(36, "movbe %r8d, (%rsi)", STATUS, has_movbe, PLAIN)                                                        \
	X(37, "lock cmpxchg16b (%rdi)", STATUS, has_cx16, PLAIN)                                                     \
	X(38, "cmpxchg16b (%rdi)", STATUS, has_cx16, PLAIN)                                                          \
	X(39, "stmxcsr (%rsi)", STATUS, NULL, FLOAT)                                                                 \
	X(40, "ldmxcsr (%rsi)", STATUS, NULL, FLOAT)                                                                 \
	X(41, "fldl (%rsi)", STATUS, NULL, FLOAT)                                                                    \
	X(42, "fstpl (%rsi)", STATUS, NULL, FLOAT)                                                                   \
	X(43, "fildll (%rsi)", STATUS, NULL, FLOAT)                                                                  \
	X(44, "fistpl 4(%rsi)", STATUS, NULL, FLOAT)                                                                 \
	X(45, "fstpt (%rsi)", STATUS, NULL, FLOAT)                                                                   \
	X(46, "fldt (%rsi)", STATUS, NULL, FLOAT)                                                                    \
	X(47, "faddp", STATUS, NULL, FLOAT)                                                                          \
	X(48, "fmul %st(3), %st", STATUS, NULL, FLOAT)                                                               \
	X(49, "fdivr %st, %st(2)", STATUS, NULL, FLOAT)                                                              \
	X(50, "fsqrt", STATUS, NULL, FLOAT)                                                                          \
	X(51, "fcomi %st(1), %st", STATUS, NULL, FLOAT)                                                              \
	X(52, "fucomip %st(2), %st", STATUS, NULL, FLOAT)                                                            \
	X(53, "fnstcw (%rsi)", STATUS, NULL, FLOAT)                                                                  \
	X(54, "fldcw (%rsi)", STATUS, NULL, FLOAT)                                                                   \
	X(55, "fnstsw %ax", STATUS, NULL, FLOAT)                                                                     \
	X(56, "fnstsw (%rsi)", STATUS, NULL, FLOAT)                                                                  \
	X(57, "fninit", STATUS, NULL, FLOAT)                                                                         \
	X(58, "fnclex", STATUS, NULL, FLOAT)                                                                         \
	X(59, "fxch %st(5)", STATUS, NULL, FLOAT)                                                                    \
	X(60, "fxam", STATUS, NULL, FLOAT)                                                                           \
	X(61, "fsin", STATUS, NULL, FLOAT)                                                                           \
	X(62, "frndint", STATUS, NULL, FLOAT)                                                                        \
	X(63, "fldpi", STATUS, NULL, FLOAT)                                                                          \
	X(64, "fincstp", STATUS, NULL, FLOAT)                                                                        \
	X(65, "ffree %st(4)", STATUS, NULL, FLOAT)                                                                   \
	X(66, "emms", STATUS, NULL, FLOAT)                                                                           \
	X(67, "fisttpll (%rsi)", STATUS, NULL, FLOAT)                                                                \
	X(68, "fbstp (%rsi)", STATUS, NULL, FLOAT)                                                                   \
	X(69, "lfence", STATUS, NULL, PLAIN)                                                                         \
	X(70, "prefetchw (%rsi)", STATUS, NULL, PLAIN)                                                               \
	X(71, "nopl 0x1234(%rax,%rbx,8)", STATUS, NULL, PLAIN)                                                       \
	X(72, "clflush (%rsi)", STATUS, NULL, PLAIN)                                                                 \
	X(74, "fnstenv (%rsi)", STATUS, NULL, FLOAT)                                                                 \
	X(75, "fldenv (%rsi)", STATUS, NULL, FLOAT)                                                                  \
	X(76, "fnsave -64(%rsi)", STATUS, NULL, FLOAT)                                                               \
	X(77, "frstor -64(%rsi)", STATUS, NULL, FLOAT)                                                               \
	X(78, "xsave64 (%rsi)", STATUS, NULL, SAVES)                                                                 \
	X(79, "xsave (%rsi)", STATUS, NULL, SAVES)                                                                   \
	X(80, "xrstor64 (%rsi)", STATUS, NULL, SAVES)                                                                \
	X(81, "xsavec64 (%rsi)", STATUS, has_xsavec, SAVES)                                                          \
	X(100, "paddb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(101, "paddw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(102, "paddd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(103, "paddq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(104, "psubb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(105, "psubd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(106, "paddsw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                           \
	X(107, "paddusb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                          \
	X(108, "pand %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                             \
	X(109, "pandn %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(110, "por %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                              \
	X(111, "pxor %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                             \
	X(112, "pcmpeqb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                          \
	X(113, "pcmpgtd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                          \
	X(114, "pmullw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                           \
	X(115, "pmulhuw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                          \
	X(116, "pmuludq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                          \
	X(117, "pmaddwd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                          \
	X(118, "pavgb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(119, "psadbw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                           \
	X(120, "pmaxub %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                           \
	X(121, "pminsw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                           \
	X(122, "punpcklbw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                        \
	X(123, "punpckhdq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                        \
	X(124, "punpcklqdq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                       \
	X(125, "packsswb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(126, "packuswb %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(127, "psllw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(128, "psrld %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(129, "psrlq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(130, "psraw %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(131, "addps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(132, "addpd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(133, "subps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(134, "mulpd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(135, "divps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(136, "divpd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(137, "sqrtps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                           \
	X(138, "minps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(139, "maxpd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(140, "andps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(141, "orpd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                             \
	X(142, "xorps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                            \
	X(143, "unpcklps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(144, "unpckhpd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(145, "cvtdq2ps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(146, "cvtps2dq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(147, "cvttps2dq %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                        \
	X(148, "cvtdq2pd %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(149, "cvtpd2ps %xmm9, %xmm2", STATUS, NULL, FLOAT)                                                         \
	X(150, "addss %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(151, "addsd %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(152, "subsd %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(153, "mulss %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(154, "divsd %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(155, "sqrtss %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                          \
	X(156, "minsd %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(157, "maxss %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                           \
	X(158, "cvtss2sd %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                        \
	X(159, "cvtsd2ss %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                        \
	X(160, "comiss %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                          \
	X(161, "ucomisd %xmm3, %xmm12", STATUS, NULL, FLOAT)                                                         \
	X(162, "paddd (%rdi), %xmm1", STATUS, NULL, FLOAT)                                                           \
	X(163, "addps (%rdi), %xmm7", STATUS, NULL, FLOAT)                                                           \
	X(164, "mulsd 4(%rsi), %xmm0", STATUS, NULL, FLOAT)                                                          \
	X(165, "addss (%rsi), %xmm5", STATUS, NULL, FLOAT)                                                           \
	X(166, "pshufd $0x1b, %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                    \
	X(167, "pshuflw $0x93, %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                   \
	X(168, "pshufhw $0x6c, (%rdi), %xmm4", STATUS, NULL, FLOAT)                                                  \
	X(169, "shufps $0x4e, %xmm1, %xmm2", STATUS, NULL, FLOAT)                                                    \
	X(170, "cmpps $2, %xmm1, %xmm2", STATUS, NULL, FLOAT)                                                        \
	X(171, "cmpsd $4, %xmm8, %xmm1", STATUS, NULL, FLOAT)                                                        \
	X(172, "psllw $3, %xmm6", STATUS, NULL, FLOAT)                                                               \
	X(173, "psrad $40, %xmm6", STATUS, NULL, FLOAT)                                                              \
	X(174, "psrldq $5, %xmm6", STATUS, NULL, FLOAT)                                                              \
	X(175, "pslldq $11, %xmm15", STATUS, NULL, FLOAT)                                                            \
	X(176, "psrlq $1, %xmm0", STATUS, NULL, FLOAT)                                                               \
	X(177, "pmovmskb %xmm7, %ecx", STATUS, NULL, FLOAT)                                                          \
	X(178, "movmskpd %xmm7, %eax", STATUS, NULL, FLOAT)                                                          \
	X(179, "cvtsi2sd %rbx, %xmm3", STATUS, NULL, FLOAT)                                                          \
	X(180, "cvtsi2ss %ebx, %xmm3", STATUS, NULL, FLOAT)                                                          \
	X(181, "cvtsi2sdl (%rsi), %xmm3", STATUS, NULL, FLOAT)                                                       \
	X(182, "cvttsd2si %xmm3, %rbx", STATUS, NULL, FLOAT)                                                         \
	X(183, "cvtsd2si %xmm3, %edx", STATUS, NULL, FLOAT)                                                          \
	X(184, "cvttss2si (%rsi), %r9", STATUS, NULL, FLOAT)                                                         \
	X(185, "movd %ebx, %xmm4", STATUS, NULL, FLOAT)                                                              \
	X(186, "movq %rbx, %xmm4", STATUS, NULL, FLOAT)                                                              \
	X(187, "movd %xmm4, (%rsi)", STATUS, NULL, FLOAT)                                                            \
	X(188, "movq %xmm4, %r10", STATUS, NULL, FLOAT)                                                              \
	X(189, "movq (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                            \
	X(190, "movq %xmm4, %xmm11", STATUS, NULL, FLOAT)                                                            \
	X(191, "ucomiss 2(%rsi), %xmm2", STATUS, NULL, FLOAT)                                                        \
	X(192, "pshufb %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(193, "phaddd %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(194, "pmaddubsw %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                   \
	X(195, "psignd %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(196, "pabsb (%rdi), %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(197, "palignr $7, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(198, "pblendw $0x55, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                              \
	X(199, "ptest %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                       \
	X(200, "pcmpeqq %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                     \
	X(201, "pcmpgtq %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                     \
	X(202, "pmaxud %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(203, "pmulld %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(204, "pmovsxbw %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                    \
	X(205, "pmovzxdq (%rsi), %xmm4", STATUS, has_sse42, FLOAT)                                                   \
	X(206, "aesenc %xmm3, %xmm4", STATUS, has_aes, FLOAT)                                                        \
	X(207, "aesdeclast (%rdi), %xmm4", STATUS, has_aes, FLOAT)                                                   \
	X(208, "aesimc %xmm3, %xmm4", STATUS, has_aes, FLOAT)                                                        \
	X(209, "aeskeygenassist $0x36, %xmm3, %xmm4", STATUS, has_aes, FLOAT)                                        \
	X(210, "pclmulqdq $0x11, %xmm3, %xmm4", STATUS, has_aes, FLOAT)                                              \
	X(211, "sha1nexte %xmm3, %xmm4", STATUS, has_sha, FLOAT)                                                     \
	X(212, "sha1msg1 %xmm3, %xmm4", STATUS, has_sha, FLOAT)                                                      \
	X(213, "sha1msg2 %xmm3, %xmm4", STATUS, has_sha, FLOAT)                                                      \
	X(214, "sha1rnds4 $2, %xmm3, %xmm4", STATUS, has_sha, FLOAT)                                                 \
	X(215, "sha256msg1 %xmm3, %xmm4", STATUS, has_sha, FLOAT)                                                    \
	X(216, "sha256msg2 (%rdi), %xmm4", STATUS, has_sha, FLOAT)                                                   \
	X(73, "movdiri %rax, (%rdi)", STATUS, has_movdiri, PLAIN)

/* AVX: with two sources and with one, each on XMM and YMM registers and with its last source in memory. */
/* clang-format off */
#define AVX_TWO(X) \
    X(paddb) X(paddw) X(paddd) X(paddq) X(psubb) X(psubw) X(psubd) X(psubq) X(paddsb) X(paddusw) X(psubsw) \
    X(psubusb) X(pand) X(pandn) X(por) X(pxor) X(pcmpeqb) X(pcmpeqd) X(pcmpgtb) X(pcmpgtw) X(pmullw) \
    X(pmulhw) X(pmulhuw) X(pmuludq) X(pmaddwd) X(pavgb) X(psadbw) X(pmaxsw) X(pminub) X(punpcklbw) \
    X(punpckhwd) X(punpckldq) X(punpckhqdq) X(packsswb) X(packssdw) X(packuswb) X(packusdw) X(addps) \
    X(addpd) X(subps) X(mulpd) X(divps) X(minpd) X(maxps) X(andps) X(andnpd) X(orps) X(xorpd) X(haddps) \
    X(hsubpd) X(addsubps) X(unpcklps) X(unpckhpd) X(pshufb) X(phaddw) X(phaddsw) X(phsubd) X(pmaddubsw) \
    X(pmulhrsw) X(psignb) X(psignw) X(psignd) X(pcmpeqq) X(pcmpgtq) X(pminsb) X(pmaxud) X(pmulld) X(pmuldq) \
    X(permilps) X(permilpd) X(psllvd) X(psllvq) X(psrlvd) X(psrlvq) X(psravd)
#define AVX_FMA(X) \
    X(fmadd132ps) X(fmadd132pd) X(fmadd213ps) X(fmadd213pd) X(fmadd231ps) X(fmadd231pd) X(fnmsub132ps) \
    X(fnmsub132pd) X(fnmsub213ps) X(fnmsub213pd) X(fnmsub231ps) X(fnmsub231pd) X(fmaddsub231ps) \
    X(fmsubadd132pd)
#define AVX_AES(X) \
    X(aesenc) X(aesdeclast)
#define AVX_ONE(X) \
    X(pabsb) X(pabsd) X(pmovsxbw) X(pmovsxbq) X(pmovzxbd) X(pmovzxwq) X(pmovzxdq) X(cvtdq2ps) X(cvtps2dq) \
    X(cvttps2dq) X(cvtdq2pd) X(cvtps2pd) X(sqrtps) X(sqrtpd) X(rcpps) X(rsqrtps)
/* clang-format on */

#define AVX_TWO_FORMS(X, name, has)                                                                                  \
	X(vx_##name, "v" #name " %xmm9, %xmm3, %xmm2", STATUS, has, FLOAT)                                           \
	X(vy_##name, "v" #name " %ymm9, %ymm3, %ymm2", STATUS, has, FLOAT)                                           \
	X(vm_##name, "v" #name " 4(%rsi), %ymm3, %ymm12", STATUS, has, FLOAT)
#define AVX_ONE_FORMS(X, name, has)                                                                                  \
	X(vx_##name, "v" #name " %xmm9, %xmm2", STATUS, has, FLOAT)                                                  \
	X(vm_##name, "v" #name " (%rsi), %ymm12", STATUS, has, FLOAT)

#define WIDE(X)                                                                                                      \
	X(300, "vzeroupper", STATUS, has_avx, FLOAT)                                                                 \
	X(301, "vzeroall", STATUS, has_avx, FLOAT)                                                                   \
	X(302, "vpermilps $0x1b, %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                              \
	X(303, "vpermilpd $0x9, %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                               \
	X(304, "vpermilpd $1, (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                \
	X(305, "vpermq $0x93, %ymm3, %ymm4", STATUS, has_avx2, FLOAT)                                                \
	X(306, "vpermpd $0x4e, (%rsi), %ymm4", STATUS, has_avx2, FLOAT)                                              \
	X(307, "vpermd %ymm3, %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                                \
	X(308, "vpermps (%rsi), %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                              \
	X(309, "vperm2f128 $0x21, %ymm3, %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                      \
	X(310, "vperm2f128 $0x83, %ymm3, %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                      \
	X(311, "vperm2i128 $0x38, (%rsi), %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                    \
	X(312, "vinsertf128 $1, %xmm3, %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                        \
	X(313, "vinserti128 $0, (%rsi), %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                      \
	X(314, "vextractf128 $1, %ymm5, %xmm4", STATUS, has_avx, FLOAT)                                              \
	X(315, "vextracti128 $1, %ymm5, (%rsi)", STATUS, has_avx2, FLOAT)                                            \
	X(316, "vextracti128 $0, %ymm5, %xmm4", STATUS, has_avx2, FLOAT)                                             \
	X(317, "vpblendd $0x5a, %ymm3, %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                       \
	X(318, "vblendps $0x5a, %ymm3, %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                        \
	X(319, "vblendpd $0x6, %ymm3, %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                         \
	X(320, "vpblendw $0x5c, %ymm3, %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                       \
	X(321, "vpblendvb %ymm6, %ymm3, %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                      \
	X(322, "vblendvps %ymm6, (%rsi), %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                      \
	X(323, "vblendvpd %xmm6, %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                       \
	X(324, "vshufps $0x4e, %ymm1, %ymm2, %ymm3", STATUS, has_avx, FLOAT)                                         \
	X(325, "vshufpd $0x6, %ymm1, %ymm2, %ymm3", STATUS, has_avx, FLOAT)                                          \
	X(326, "vpshufd $0x1b, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                               \
	X(327, "vpshufhw $0x6c, (%rsi), %ymm3", STATUS, has_avx2, FLOAT)                                             \
	X(328, "vpshuflw $0x93, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                              \
	X(329, "vpalignr $9, %ymm1, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                          \
	X(330, "vpalignr $23, %ymm1, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                         \
	X(331, "vcmpps $2, %ymm1, %ymm2, %ymm3", STATUS, has_avx, FLOAT)                                             \
	X(332, "vcmppd $17, %ymm1, %ymm2, %ymm3", STATUS, has_avx, FLOAT)                                            \
	X(333, "vcmpss $11, %xmm1, %xmm2, %xmm3", STATUS, has_avx, FLOAT)                                            \
	X(334, "vcmpsd $30, (%rsi), %xmm2, %xmm3", STATUS, has_avx, FLOAT)                                           \
	X(335, "vpsllw $3, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                                   \
	X(336, "vpsrad $40, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                                  \
	X(337, "vpsrlq $17, %xmm2, %xmm13", STATUS, has_avx, FLOAT)                                                  \
	X(338, "vpsrldq $5, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                                  \
	X(339, "vpslldq $11, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                                 \
	X(340, "vpslldq $32, %xmm2, %xmm3", STATUS, has_avx, FLOAT)                                                  \
	X(341, "vpsrlw %xmm1, %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                                \
	X(342, "vpslld (%rsi), %ymm2, %ymm3", STATUS, has_avx2, FLOAT)                                               \
	X(343, "vpsraw %xmm1, %xmm2, %xmm3", STATUS, has_avx, FLOAT)                                                 \
	X(344, "vpmovmskb %ymm7, %ecx", STATUS, has_avx2, FLOAT)                                                     \
	X(345, "vmovmskps %ymm7, %ecx", STATUS, has_avx, FLOAT)                                                      \
	X(346, "vmovmskpd %ymm7, %r9d", STATUS, has_avx, FLOAT)                                                      \
	X(347, "vmovmskpd %xmm7, %r9d", STATUS, has_avx, FLOAT)                                                      \
	X(348, "vptest %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                                        \
	X(349, "vptest (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                       \
	X(350, "vtestps %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                                       \
	X(351, "vtestpd %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                                       \
	X(352, "vbroadcastss %xmm3, %ymm4", STATUS, has_avx2, FLOAT)                                                 \
	X(353, "vbroadcastss (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                 \
	X(354, "vbroadcastsd %xmm3, %ymm4", STATUS, has_avx2, FLOAT)                                                 \
	X(355, "vbroadcastsd (%rsi), %ymm4", STATUS, has_avx, FLOAT)                                                 \
	X(356, "vbroadcastf128 (%rsi), %ymm4", STATUS, has_avx, FLOAT)                                               \
	X(357, "vbroadcasti128 (%rsi), %ymm4", STATUS, has_avx2, FLOAT)                                              \
	X(358, "vpbroadcastb %xmm3, %ymm4", STATUS, has_avx2, FLOAT)                                                 \
	X(359, "vpbroadcastw (%rsi), %ymm4", STATUS, has_avx2, FLOAT)                                                \
	X(360, "vpbroadcastd %xmm3, %xmm4", STATUS, has_avx2, FLOAT)                                                 \
	X(361, "vpbroadcastq (%rsi), %ymm4", STATUS, has_avx2, FLOAT)                                                \
	X(362, "vaddss %xmm3, %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                                \
	X(363, "vaddsd (%rsi), %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                               \
	X(364, "vsqrtsd %xmm3, %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                               \
	X(365, "vsqrtss (%rsi), %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                              \
	X(366, "vrcpss %xmm3, %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                                \
	X(367, "vcvtss2sd %xmm3, %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                             \
	X(368, "vcvtsd2ss (%rsi), %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                            \
	X(369, "vcvtsi2sd %rbx, %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                              \
	X(370, "vcvtsi2ss %ebx, %xmm5, %xmm12", STATUS, has_avx, FLOAT)                                              \
	X(371, "vcvttsd2si %xmm3, %rbx", STATUS, has_avx, FLOAT)                                                     \
	X(372, "vcvtss2si (%rsi), %edx", STATUS, has_avx, FLOAT)                                                     \
	X(373, "vcvtpd2ps %ymm3, %xmm4", STATUS, has_avx, FLOAT)                                                     \
	X(374, "vcvtpd2ps %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                                     \
	X(375, "vcvtpd2dqy (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                   \
	X(376, "vcvttpd2dq %ymm3, %xmm4", STATUS, has_avx, FLOAT)                                                    \
	X(377, "vcvtph2ps %xmm3, %ymm4", STATUS, has_f16c, FLOAT)                                                    \
	X(378, "vcvtph2ps (%rsi), %xmm4", STATUS, has_f16c, FLOAT)                                                   \
	X(379, "vcvtps2ph $2, %ymm3, %xmm4", STATUS, has_f16c, FLOAT)                                                \
	X(380, "vcvtps2ph $4, %xmm3, %xmm4", STATUS, has_f16c, FLOAT)                                                \
	X(381, "vcvtps2ph $0, %ymm3, (%rsi)", STATUS, has_f16c, FLOAT)                                               \
	X(382, "vcvtps2ph $1, %xmm3, (%rsi)", STATUS, has_f16c, FLOAT)                                               \
	X(383, "vcomiss %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                                       \
	X(384, "vucomisd (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                     \
	X(385, "vroundps $1, %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                                  \
	X(386, "vroundpd $4, (%rsi), %ymm4", STATUS, has_avx, FLOAT)                                                 \
	X(387, "vroundss $10, %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                          \
	X(388, "vroundsd $3, %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                           \
	X(389, "vdpps $0xf5, %ymm3, %ymm5, %ymm4", STATUS, has_avx, FLOAT)                                           \
	X(390, "vdppd $0x31, %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                           \
	X(391, "vmpsadbw $0x2d, %ymm3, %ymm5, %ymm4", STATUS, has_avx2, FLOAT)                                       \
	X(392, "vphminposuw %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                                   \
	X(393, "vinsertps $0xd4, %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                       \
	X(394, "vinsertps $0xd4, (%rsi), %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                      \
	X(395, "vpinsrb $9, %ebx, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                             \
	X(396, "vpinsrw $5, (%rsi), %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                           \
	X(397, "vpinsrd $2, %ebx, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                             \
	X(398, "vpinsrq $1, (%rsi), %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                           \
	X(399, "vpextrb $12, %xmm5, %ecx", STATUS, has_avx, FLOAT)                                                   \
	X(400, "vpextrw $3, %xmm5, %ecx", STATUS, has_avx, FLOAT)                                                    \
	X(401, "vpextrw $3, %xmm5, (%rsi)", STATUS, has_avx, FLOAT)                                                  \
	X(402, "vpextrd $3, %xmm5, (%rsi)", STATUS, has_avx, FLOAT)                                                  \
	X(403, "vpextrq $1, %xmm5, %r11", STATUS, has_avx, FLOAT)                                                    \
	X(404, "vextractps $2, %xmm5, %ecx", STATUS, has_avx, FLOAT)                                                 \
	X(405, "vpclmulqdq $0x10, %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                      \
	X(406, "vaesenc %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                                \
	X(407, "vaesimc (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                      \
	X(408, "vaeskeygenassist $0x36, %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                       \
	X(409, "vpcmpestri $0x4d, %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                             \
	X(410, "vpcmpistrm $0x44, %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                             \
	X(411, "vfmadd231ss %xmm3, %xmm5, %xmm4", STATUS, has_fma, FLOAT)                                            \
	X(412, "vfnmadd132sd (%rsi), %xmm5, %xmm4", STATUS, has_fma, FLOAT)                                          \
	X(413, "vmaskmovps (%rsi), %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                            \
	X(414, "vmaskmovpd %ymm3, %ymm4, (%rsi)", STATUS, has_avx, FLOAT)                                            \
	X(415, "vpmaskmovd %xmm3, %xmm4, (%rsi)", STATUS, has_avx2, FLOAT)                                           \
	X(416, "vpmaskmovq (%rsi), %xmm3, %xmm4", STATUS, has_avx2, FLOAT)                                           \
	X(417, "vmaskmovdqu %xmm3, %xmm4", STATUS, has_avx, FLOAT)                                                   \
	X(418, "vmovaps (%rdi), %ymm4", STATUS, has_avx, FLOAT)                                                      \
	X(419, "vmovaps %ymm4, (%rdi)", STATUS, has_avx, FLOAT)                                                      \
	X(420, "vmovdqa %xmm3, %xmm12", STATUS, has_avx, FLOAT)                                                      \
	X(421, "vmovdqa (%rdi), %xmm12", STATUS, has_avx, FLOAT)                                                     \
	X(422, "vmovups (%rsi), %ymm4", STATUS, has_avx, FLOAT)                                                      \
	X(423, "vmovdqu %ymm4, (%rsi)", STATUS, has_avx, FLOAT)                                                      \
	X(424, "vmovupd %ymm4, %ymm14", STATUS, has_avx, FLOAT)                                                      \
	X(425, "vlddqu (%rsi), %ymm4", STATUS, has_avx, FLOAT)                                                       \
	X(426, "vmovntdq %ymm4, (%rdi)", STATUS, has_avx, FLOAT)                                                     \
	X(427, "vmovntps %xmm4, (%rdi)", STATUS, has_avx, FLOAT)                                                     \
	X(428, "vmovntdqa (%rdi), %ymm4", STATUS, has_avx2, FLOAT)                                                   \
	X(429, "vmovd %ebx, %xmm4", STATUS, has_avx, FLOAT)                                                          \
	X(430, "vmovq %xmm4, %r8", STATUS, has_avx, FLOAT)                                                           \
	X(431, "vmovq (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                        \
	X(432, "vmovq %xmm4, (%rsi)", STATUS, has_avx, FLOAT)                                                        \
	X(433, "vmovss %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                                 \
	X(434, "vmovss (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                       \
	X(435, "vmovsd %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                                 \
	X(436, "vmovsd %xmm4, (%rsi)", STATUS, has_avx, FLOAT)                                                       \
	X(437, "vmovlps (%rsi), %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                               \
	X(438, "vmovhpd (%rsi), %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                               \
	X(439, "vmovhps %xmm4, (%rsi)", STATUS, has_avx, FLOAT)                                                      \
	X(440, "vmovlpd %xmm4, (%rsi)", STATUS, has_avx, FLOAT)                                                      \
	X(441, "vmovhlps %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                               \
	X(442, "vmovlhps %xmm3, %xmm5, %xmm4", STATUS, has_avx, FLOAT)                                               \
	X(443, "vmovddup %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                                      \
	X(444, "vmovddup (%rsi), %xmm4", STATUS, has_avx, FLOAT)                                                     \
	X(445, "vmovsldup %ymm3, %ymm4", STATUS, has_avx, FLOAT)                                                     \
	X(446, "vmovshdup (%rsi), %ymm4", STATUS, has_avx, FLOAT)                                                    \
	X(447, "movss %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                            \
	X(448, "movss (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                           \
	X(449, "movss %xmm4, (%rsi)", STATUS, NULL, FLOAT)                                                           \
	X(450, "movsd %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                            \
	X(451, "movsd (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                           \
	X(452, "movlps (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(453, "movhps (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(454, "movhpd %xmm4, (%rsi)", STATUS, NULL, FLOAT)                                                          \
	X(455, "movlpd %xmm4, (%rsi)", STATUS, NULL, FLOAT)                                                          \
	X(456, "movhlps %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(457, "movlhps %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(458, "movddup (%rsi), %xmm4", STATUS, has_sse42, FLOAT)                                                    \
	X(459, "movshdup %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                    \
	X(460, "movaps (%rdi), %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(461, "movups %xmm4, (%rsi)", STATUS, NULL, FLOAT)                                                          \
	X(462, "movdqu %xmm4, %xmm5", STATUS, NULL, FLOAT)                                                           \
	X(463, "movntdqa (%rdi), %xmm4", STATUS, has_sse42, FLOAT)                                                   \
	X(464, "maskmovdqu %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                       \
	X(465, "haddps %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                      \
	X(466, "hsubpd (%rdi), %xmm4", STATUS, has_sse42, FLOAT)                                                     \
	X(467, "addsubpd %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                    \
	X(468, "phaddsw %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                     \
	X(469, "rcpps %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                            \
	X(470, "rsqrtss %xmm3, %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(471, "roundps $9, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(472, "roundsd $2, (%rsi), %xmm4", STATUS, has_sse42, FLOAT)                                                \
	X(473, "blendps $6, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(474, "blendpd $2, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(475, "pblendvb %xmm0, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                             \
	X(476, "blendvps %xmm0, (%rdi), %xmm4", STATUS, has_sse42, FLOAT)                                            \
	X(477, "blendvpd %xmm0, %xmm3, %xmm0", STATUS, has_sse42, FLOAT)                                             \
	X(478, "dpps $0x7f, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(479, "dppd $0x33, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(480, "mpsadbw $5, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(481, "phminposuw %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                                  \
	X(482, "insertps $0x9a, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                             \
	X(483, "insertps $0xda, (%rsi), %xmm4", STATUS, has_sse42, FLOAT)                                            \
	X(484, "pinsrb $3, (%rsi), %xmm4", STATUS, has_sse42, FLOAT)                                                 \
	X(485, "pinsrw $6, %ebx, %xmm4", STATUS, NULL, FLOAT)                                                        \
	X(486, "pinsrq $1, %rbx, %xmm4", STATUS, has_sse42, FLOAT)                                                   \
	X(487, "pextrb $5, %xmm4, (%rsi)", STATUS, has_sse42, FLOAT)                                                 \
	X(488, "pextrw $5, %xmm4, %ecx", STATUS, NULL, FLOAT)                                                        \
	X(489, "pextrd $1, %xmm4, %r10d", STATUS, has_sse42, FLOAT)                                                  \
	X(490, "pextrq $0, %xmm4, (%rsi)", STATUS, has_sse42, FLOAT)                                                 \
	X(491, "extractps $3, %xmm4, (%rsi)", STATUS, has_sse42, FLOAT)                                              \
	X(492, "pcmpestrm $0x18, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                            \
	X(493, "pcmpestri $0x0c, (%rsi), %xmm4", STATUS, has_sse42, FLOAT)                                           \
	X(494, "pcmpistri $0x1a, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                            \
	X(495, "pcmpistrm $0x40, %xmm3, %xmm4", STATUS, has_sse42, FLOAT)                                            \
	X(496, "sha256rnds2 %xmm0, %xmm3, %xmm4", STATUS, has_sha, FLOAT)                                            \
	X(497, "paddb %mm3, %mm4", STATUS, NULL, FLOAT)                                                              \
	X(498, "paddq (%rsi), %mm4", STATUS, NULL, FLOAT)                                                            \
	X(499, "pmaddwd %mm3, %mm4", STATUS, NULL, FLOAT)                                                            \
	X(500, "psllw $3, %mm4", STATUS, NULL, FLOAT)                                                                \
	X(501, "psrad $33, %mm4", STATUS, NULL, FLOAT)                                                               \
	X(502, "psrlq %mm3, %mm4", STATUS, NULL, FLOAT)                                                              \
	X(503, "punpckhbw %mm3, %mm4", STATUS, NULL, FLOAT)                                                          \
	X(504, "packuswb %mm3, %mm4", STATUS, NULL, FLOAT)                                                           \
	X(505, "pshufw $0x1b, %mm3, %mm4", STATUS, NULL, FLOAT)                                                      \
	X(506, "pmovmskb %mm3, %ecx", STATUS, NULL, FLOAT)                                                           \
	X(507, "pinsrw $6, %ebx, %mm4", STATUS, NULL, FLOAT)                                                         \
	X(508, "pextrw $1, %mm4, %ecx", STATUS, NULL, FLOAT)                                                         \
	X(509, "pshufb (%rsi), %mm4", STATUS, has_sse42, FLOAT)                                                      \
	X(510, "palignr $5, %mm3, %mm4", STATUS, has_sse42, FLOAT)                                                   \
	X(511, "pabsw %mm3, %mm4", STATUS, has_sse42, FLOAT)                                                         \
	X(512, "movd %ebx, %mm4", STATUS, NULL, FLOAT)                                                               \
	X(513, "movd %mm4, (%rsi)", STATUS, NULL, FLOAT)                                                             \
	X(514, "movq %mm4, %rbx", STATUS, NULL, FLOAT)                                                               \
	X(515, "movq %mm3, %mm4", STATUS, NULL, FLOAT)                                                               \
	X(516, "movq (%rsi), %mm4", STATUS, NULL, FLOAT)                                                             \
	X(517, "movq %mm4, (%rsi)", STATUS, NULL, FLOAT)                                                             \
	X(518, "movntq %mm4, (%rdi)", STATUS, NULL, FLOAT)                                                           \
	X(519, "movq2dq %mm4, %xmm5", STATUS, NULL, FLOAT)                                                           \
	X(520, "movdq2q %xmm4, %mm5", STATUS, NULL, FLOAT)                                                           \
	X(521, "maskmovq %mm3, %mm4", STATUS, NULL, FLOAT)                                                           \
	X(522, "cvtpi2ps %mm3, %xmm4", STATUS, NULL, FLOAT)                                                          \
	X(523, "cvtpi2ps (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                        \
	X(524, "cvtpi2pd (%rsi), %xmm4", STATUS, NULL, FLOAT)                                                        \
	X(525, "cvtps2pi %xmm3, %mm4", STATUS, NULL, FLOAT)                                                          \
	X(526, "cvttpd2pi (%rdi), %mm4", STATUS, NULL, FLOAT)                                                        \
	X(527, "vpgatherdd %ymm3, 8(%rsi,%ymm4,4), %ymm5", STATUS, has_avx2, GATHER)                                 \
	X(528, "vpgatherdq %ymm3, (%rsi,%xmm4,8), %ymm5", STATUS, has_avx2, GATHER)                                  \
	X(529, "vpgatherqd %xmm3, (%rsi,%ymm4,1), %xmm5", STATUS, has_avx2, GATHER)                                  \
	X(530, "vpgatherqq %xmm3, (%rsi,%xmm4,2), %xmm5", STATUS, has_avx2, GATHER)                                  \
	X(531, "vgatherdps %xmm3, (%rsi,%xmm4,4), %xmm5", STATUS, has_avx2, GATHER)                                  \
	X(532, "vgatherqpd %ymm3, (%rsi,%ymm4,8), %ymm5", STATUS, has_avx2, GATHER)

#endif
