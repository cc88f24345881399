// The few things Skerry wants of libmaxminddb, as plain functions: a database that is mapped into memory, and what it says of an address.
// A database is not changed once it is open: any thread may look addresses up. See libmaxminddb(3).
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason in words, its end included.
enum { SK_GEO_WORDS = 256 };
/// Bytes of a value, its end included; a longer one is taken for none.
enum { SK_GEO_VALUE = 256 };

typedef struct sk_geo sk_geo;

/// What is asked of a database.
typedef enum {
  sk_geo_country, sk_geo_country_name, sk_geo_region, sk_geo_region_name, sk_geo_city, sk_geo_postal_code, sk_geo_metro_code, sk_geo_latitude,
  sk_geo_longitude, sk_geo_time_zone, sk_geo_asn
} sk_geo_field;

/// Maps a database; NULL with words.
sk_geo *_Nullable sk_geo_open(const char *_Nonnull path, char words[_Nonnull SK_GEO_WORDS]);
void sk_geo_close(sk_geo *_Nullable database);
/// Its kind, such as GeoLite2-City, and when it was made, in seconds since 1970.
const char *_Nonnull sk_geo_type(const sk_geo *_Nonnull database);
uint64_t sk_geo_epoch(const sk_geo *_Nonnull database);

/// Finds an address: 16 bytes of an IPv6 address, or the last four of them for an IPv4 address. 1 with the entry to ask, or 0.
int32_t sk_geo_find(const sk_geo *_Nonnull database, const uint8_t address[_Nonnull 16], int32_t is_ipv4, uint32_t *_Nonnull entry);
/// Writes a value of an entry as text: numbers in decimal, degrees with five places. Returns its length, 0 when there is none.
size_t sk_geo_value(const sk_geo *_Nonnull database, uint32_t entry, sk_geo_field field, char value[_Nonnull SK_GEO_VALUE]);
