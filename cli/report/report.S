/* SPDX-License-Identifier: MIT */
/* report: the page of snug run --report as bytes */
	.macro blob name, file
	.globl \name, \name\()_end
\name:
	.incbin "\file"
\name\()_end:
	.endm

	.section .rodata
	blob snug_report_page, "page.html"
	blob snug_report_style, "style.css"
	blob snug_report_script, "script.js"

	.section .note.GNU-stack, "", @progbits
