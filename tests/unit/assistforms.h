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

#endif
