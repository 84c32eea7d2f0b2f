/* SPDX-License-Identifier: MIT */
/* rtc: the time in an MC146818's registers: datasheet, "Time, Calendar, and Alarm Locations", "Registers" */
#ifndef SNUG_DEV_RTC_H
#define SNUG_DEV_RTC_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM = 0x01,
	RTC_MINUTES = 0x02,
	RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04,
	RTC_HOURS_ALARM = 0x05,
	RTC_WEEKDAY = 0x06, /* 1: Sunday */
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_CENTURY = 0x32, /* by PC convention; ACPI's FADT names it */
};

#define RTC_A_UIP 0x80u /* update in progress */
#define RTC_A_DV 0x70u  /* time base; 0x20: running */
#define RTC_A_RUNS 0x20u
#define RTC_A_RS 0x0fu   /* rate of the periodic interrupt */
#define RTC_B_SET 0x80u  /* the clock stands, to be set */
#define RTC_B_PIE 0x40u  /* interrupts: periodic, */
#define RTC_B_AIE 0x20u  /* alarm, */
#define RTC_B_UIE 0x10u  /* each second */
#define RTC_B_DM 0x04u   /* binary, not BCD */
#define RTC_B_24H 0x02u  /* 24 hours; else 12 with bit 7 for PM */
#define RTC_C_IRQF 0x80u /* and below it one flag for each bit of B's, in its place */
#define RTC_D_VRT 0x80u  /* RAM and time are valid */

/* The registers show this time, in seconds since 1970, as B wants it; years are 0 to 9999. */
void snug__rtc_show(int64_t seconds, uint8_t *ram);

/* The time the registers have, whatever is in them. */
int64_t snug__rtc_read(const uint8_t *ram);

/* Does the alarm go off after one second, up to and with the other? */
bool snug__rtc_alarm(const uint8_t *ram, int64_t after, int64_t to);

/* How many periods of the periodic interrupt there were till then, nanoseconds, and when the next ends; 0: none is chosen. */
uint64_t snug__rtc_periods(const uint8_t *ram, uint64_t ns, uint64_t *next_ns);

#endif
