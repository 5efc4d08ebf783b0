/* Dates of ISO 8601. */
#include "encode/encoder.h"

/* Read `digits` decimal digits. Returns whether they are there. */
static bool take_number(const char **text, int digits, int *number) {
    *number = 0;
    for (int k = 0; k < digits; k++, (*text)++) {
        if (**text < '0' || **text > '9') return false;
        *number = 10 * *number + (**text - '0');
    }
    return true;
}

static bool take(const char **text, char c) {
    if (**text != c) return false;
    (*text)++;
    return true;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March, so that the leap
 * day is the last; 400 of them have 146097 days. */
static int days_since_1970(int year, int month, int day) {
    const int y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
    const int era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
    const int day_of_year = (153 * m + 2) / 5 + day - 1;

    return 146097 * era + 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static bool take_fraction(const char **text, double *seconds) {
    double unit = 0.1;

    if (**text < '0' || **text > '9') return false;
    for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10) *seconds += unit * (**text - '0');
    return true;
}

/* Z, +hh:mm, -hh:mm, or nothing: the time is then taken as UTC. */
static bool take_zone(const char **text, double *seconds) {
    const bool west = **text == '-';
    int hours, minutes;

    if (take(text, 'Z')) return true;
    if (!take(text, '+') && !take(text, '-')) return true;
    if (!take_number(text, 2, &hours)) return false;
    take(text, ':');
    if (!take_number(text, 2, &minutes) || hours > 23 || minutes > 59) return false;
    *seconds += (west ? 60.0 : -60.0) * (60 * hours + minutes);
    return true;
}

static bool take_time(const char **text, double *seconds) {
    int hour, minute, second = 0;

    if (!take_number(text, 2, &hour) || !take(text, ':') || !take_number(text, 2, &minute))
        return false;
    if (take(text, ':') && !take_number(text, 2, &second)) return false;
    if (hour > 23 || minute > 59 || second > 60) return false; /* 60: a leap second */
    *seconds += 3600.0 * hour + 60.0 * minute + second;
    if (take(text, '.') && !take_fraction(text, seconds)) return false;
    return take_zone(text, seconds);
}

bool snnk__date_read(const char *text, double *seconds) {
    int year, month, day;

    if (!take_number(&text, 4, &year) || !take(&text, '-')) return false;
    if (!take_number(&text, 2, &month) || !take(&text, '-')) return false;
    if (!take_number(&text, 2, &day)) return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
    *seconds = 86400.0 * days_since_1970(year, month, day);
    if (take(&text, 'T') || take(&text, ' '))
        if (!take_time(&text, seconds)) return false;
    return *text == '\0';
}
