/* SPDX-License-Identifier: MIT */
/* report: --report, one HTML page that shows a run */
#ifndef SNUG_CLI_REPORT_H
#define SNUG_CLI_REPORT_H

#include "console.h"
#include "result.h"

int cli_report_write(const struct cli_args *args, const struct cli_result *r, const struct cli_console *console,
                     struct snug_error *e);

#endif
