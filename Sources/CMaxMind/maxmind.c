#include "CMaxMind.h"
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sk_geo {
  MMDB_s database;
};

/// Where the values stand (https://dev.maxmind.com/geoip/docs/databases/city-and-country, asn). The first of the subdivisions is the largest.
static const char *const paths[][5] = {
  [sk_geo_country] = {"country", "iso_code", NULL},
  [sk_geo_country_name] = {"country", "names", "en", NULL},
  [sk_geo_region] = {"subdivisions", "0", "iso_code", NULL},
  [sk_geo_region_name] = {"subdivisions", "0", "names", "en", NULL},
  [sk_geo_city] = {"city", "names", "en", NULL},
  [sk_geo_postal_code] = {"postal", "code", NULL},
  [sk_geo_metro_code] = {"location", "metro_code", NULL},
  [sk_geo_latitude] = {"location", "latitude", NULL},
  [sk_geo_longitude] = {"location", "longitude", NULL},
  [sk_geo_time_zone] = {"location", "time_zone", NULL},
  [sk_geo_asn] = {"autonomous_system_number", NULL},
};

sk_geo *sk_geo_open(const char *path, char words[SK_GEO_WORDS]) {
  struct sk_geo *geo = calloc(1, sizeof *geo);
  int status = geo ? MMDB_open(path, MMDB_MODE_MMAP, &geo->database) : MMDB_OUT_OF_MEMORY_ERROR;
  if (status == MMDB_SUCCESS) return geo;
  snprintf(words, SK_GEO_WORDS, "%s", MMDB_strerror(status));
  free(geo);
  return NULL;
}

void sk_geo_close(sk_geo *geo) {
  if (!geo) return;
  MMDB_close(&geo->database);
  free(geo);
}

const char *sk_geo_type(const sk_geo *geo) { return geo->database.metadata.database_type ? geo->database.metadata.database_type : ""; }
uint64_t sk_geo_epoch(const sk_geo *geo) { return geo->database.metadata.build_epoch; }

int32_t sk_geo_find(const sk_geo *geo, const uint8_t address[16], int32_t is_ipv4, uint32_t *entry) {
  struct sockaddr_in four = {.sin_family = AF_INET};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  memcpy(&four.sin_addr, address + 12, 4);
  memcpy(&six.sin6_addr, address, 16);
  int status = MMDB_SUCCESS;
  MMDB_lookup_result_s found =
    MMDB_lookup_sockaddr(&geo->database, is_ipv4 ? (const struct sockaddr *)&four : (const struct sockaddr *)&six, &status);
  if (status != MMDB_SUCCESS || !found.found_entry) return 0;
  *entry = found.entry.offset;
  return 1;
}

size_t sk_geo_value(const sk_geo *geo, uint32_t offset, sk_geo_field field, char value[SK_GEO_VALUE]) {
  MMDB_entry_s entry = {.mmdb = &geo->database, .offset = offset};
  MMDB_entry_data_s data;
  if (MMDB_aget_value(&entry, &data, paths[field]) != MMDB_SUCCESS || !data.has_data) return 0;
  int length = 0;
  switch (data.type) {
    case MMDB_DATA_TYPE_UTF8_STRING:
      if (data.data_size >= SK_GEO_VALUE) return 0;
      memcpy(value, data.utf8_string, data.data_size);
      return data.data_size;
    case MMDB_DATA_TYPE_DOUBLE: length = snprintf(value, SK_GEO_VALUE, "%.5f", data.double_value); break;
    case MMDB_DATA_TYPE_UINT16: length = snprintf(value, SK_GEO_VALUE, "%u", (unsigned)data.uint16); break;
    case MMDB_DATA_TYPE_UINT32: length = snprintf(value, SK_GEO_VALUE, "%u", (unsigned)data.uint32); break;
    default: break;
  }
  return length > 0 && length < SK_GEO_VALUE ? (size_t)length : 0;
}
