/* SPDX-License-Identifier: MIT */
#include "dev/rtc.h"

#define DAY 86400
#define DONT_CARE 0xc0u /* in an alarm: any */
#define PM 0x80u
#define BASE_HZ 32768u
#define NS_PER_S 1000000000ull

static uint8_t put(const uint8_t *ram, unsigned v)
{
	return (uint8_t)(ram[RTC_B] & RTC_B_DM ? v : v / 10 % 10 << 4 | v % 10);
}

static unsigned get(const uint8_t *ram, uint8_t v)
{
	return ram[RTC_B] & RTC_B_DM ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t put_hour(const uint8_t *ram, unsigned hour)
{
	if (ram[RTC_B] & RTC_B_24H)
		return put(ram, hour);
	return (uint8_t)(put(ram, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM : 0));
}

static unsigned get_hour(const uint8_t *ram, uint8_t v)
{
	unsigned hour;

	if (ram[RTC_B] & RTC_B_24H)
		return get(ram, v);
	hour = get(ram, v & 0x7f) % 12;
	return v & PM ? hour + 12 : hour;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar, and back; years begin in March, so that leap days come last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t era, y = month > 2 ? year : year - 1;
	unsigned of_era, of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;

	era = (y >= 0 ? y : y - 399) / 400;
	of_era = (unsigned)(y - era * 400);
	return era * 146097 + (int64_t)of_era * 365 + of_era / 4 - of_era / 100 + of_year + day - 1 - 719468;
}

static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097), yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = era * 400 + yoe + (*month <= 2);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a >= 0 ? a / b : -((-a + b - 1) / b);
}

void snug__rtc_show(int64_t seconds, uint8_t *ram)
{
	int64_t days = floor_div(seconds, DAY), year;
	unsigned of_day = (unsigned)(seconds - days * DAY), month, day, weekday;

	date_of(days, &year, &month, &day);
	year = year < 0 ? 0 : year % 10000;
	weekday = (unsigned)(((days + 4) % 7 + 7) % 7) + 1;
	ram[RTC_SECONDS] = put(ram, of_day % 60);
	ram[RTC_MINUTES] = put(ram, of_day / 60 % 60);
	ram[RTC_HOURS] = put_hour(ram, of_day / 3600);
	ram[RTC_WEEKDAY] = put(ram, weekday);
	ram[RTC_DAY] = put(ram, day);
	ram[RTC_MONTH] = put(ram, month);
	ram[RTC_YEAR] = put(ram, (unsigned)(year % 100));
	ram[RTC_CENTURY] = put(ram, (unsigned)(year / 100));
}

int64_t snug__rtc_read(const uint8_t *ram)
{
	int64_t year = (int64_t)get(ram, ram[RTC_CENTURY]) * 100 + get(ram, ram[RTC_YEAR]);
	unsigned month = get(ram, ram[RTC_MONTH]);

	month = month < 1 ? 1 : month > 12 ? 12 : month;
	return days_of(year, month, get(ram, ram[RTC_DAY])) * DAY + get_hour(ram, ram[RTC_HOURS]) * 3600ll +
	       get(ram, ram[RTC_MINUTES]) * 60ll + get(ram, ram[RTC_SECONDS]);
}

static bool matches(const uint8_t *ram, uint8_t alarm, unsigned now, bool hour)
{
	if (alarm >= DONT_CARE)
		return true;
	return (hour ? get_hour(ram, alarm) : get(ram, alarm)) == now;
}

bool snug__rtc_alarm(const uint8_t *ram, int64_t after, int64_t to)
{
	if (to - after > DAY)
		after = to - DAY;
	for (int64_t s = after + 1; s <= to; s++) {
		unsigned of_day = (unsigned)(s - floor_div(s, DAY) * DAY);

		if (matches(ram, ram[RTC_SECONDS_ALARM], of_day % 60, false) &&
		    matches(ram, ram[RTC_MINUTES_ALARM], of_day / 60 % 60, false) &&
		    matches(ram, ram[RTC_HOURS_ALARM], of_day / 3600, true))
			return true;
	}
	return false;
}

/* Datasheet, table 5: rates 1 and 2 are those of 8 and 9. */
uint64_t snug__rtc_periods(const uint8_t *ram, uint64_t ns, uint64_t *next_ns)
{
	unsigned rate = ram[RTC_A] & RTC_A_RS, shift;
	uint64_t base, n;

	*next_ns = 0;
	if (!rate || (ram[RTC_A] & RTC_A_DV) != RTC_A_RUNS)
		return 0;
	shift = (rate < 3 ? rate + 7 : rate) - 1;
	base = ns / NS_PER_S * BASE_HZ + ns % NS_PER_S * BASE_HZ / NS_PER_S;
	n = base >> shift;
	base = (n + 1) << shift;
	*next_ns = base / BASE_HZ * NS_PER_S + (base % BASE_HZ * NS_PER_S + BASE_HZ - 1) / BASE_HZ;
	return n;
}
