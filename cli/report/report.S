/* SPDX-License-Identifier: MIT */
/* report: the page of snug run --report as bytes, and how many */
#ifdef __CET__
#include <cet.h> /* its note, without which the linker drops that of all others */
#endif

	.macro blob name, file
	.globl \name, \name\()_len
\name:
	.incbin "\file"
1:	.balign 8
\name\()_len:
	.quad 1b - \name
	.endm

	.section .rodata
	blob snug_report_page, "page.html"
	blob snug_report_style, "style.css"
	blob snug_report_script, "script.js"

	.section .note.GNU-stack, "", @progbits
