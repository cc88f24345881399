// Owns: the one filter of packets in a sandbox with `network: outbound`: nothing to groups or to everybody on the link (224.0.0.0/3). Routes do
// not decide about these where the interface is named (network.c), and pasta may carry them to this machine's neighbours. A table of nf_tables
// in the sandbox's own network, spoken to over netlink; no program is needed for it.
#include "parts.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/// Messages that are being written.
struct batch {
  unsigned char bytes[2048];
  unsigned length;
};

static void *put(struct batch *batch, const void *bytes, unsigned length) {
  void *place = batch->bytes + batch->length;
  memcpy(place, bytes, length);
  batch->length += NLMSG_ALIGN(length);
  return place;
}

static struct nlmsghdr *begin(struct batch *batch, unsigned short type, unsigned short flags, unsigned char family, unsigned short resource) {
  struct {
    struct nlmsghdr head;
    struct nfgenmsg more;
  } message = {{.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags}, {family, NFNETLINK_V0, htons(resource)}};
  return put(batch, &message, sizeof message);
}

static struct nlmsghdr *begin_change(struct batch *batch, unsigned short change, unsigned short flags) {
  return begin(batch, NFNL_SUBSYS_NFTABLES << 8 | change, flags, NFPROTO_IPV4, 0);
}

static void end(struct batch *batch, struct nlmsghdr *message) { message->nlmsg_len = (unsigned)(batch->bytes + batch->length - (unsigned char *)message); }

static struct nlattr *open_attribute(struct batch *batch, unsigned short type) {
  struct nlattr attribute = {NLA_HDRLEN, type};
  return put(batch, &attribute, sizeof attribute);
}
static struct nlattr *open_list(struct batch *batch, unsigned short type) { return open_attribute(batch, type | NLA_F_NESTED); }
static void close_list(struct batch *batch, struct nlattr *list) { list->nla_len = (unsigned short)(batch->bytes + batch->length - (unsigned char *)list); }

static void bytes(struct batch *batch, unsigned short type, const void *value, unsigned short length) {
  struct nlattr *attribute = open_attribute(batch, type);
  put(batch, value, length);
  attribute->nla_len = NLA_HDRLEN + length;
}
static void text(struct batch *batch, unsigned short type, const char *value) { bytes(batch, type, value, (unsigned short)(strlen(value) + 1)); }
static void number(struct batch *batch, unsigned short type, unsigned value) {
  value = htonl(value);
  bytes(batch, type, &value, sizeof value);
}
/// An address as a value of an expression.
static void address(struct batch *batch, unsigned short type, unsigned value) {
  struct nlattr *data = open_list(batch, type);
  number(batch, NFTA_DATA_VALUE, value);
  close_list(batch, data);
}

/// One expression of a rule; `inside` writes what it says.
static void expression(struct batch *batch, const char *name, void (*inside)(struct batch *)) {
  struct nlattr *element = open_list(batch, NFTA_LIST_ELEM);
  text(batch, NFTA_EXPR_NAME, name);
  struct nlattr *data = open_list(batch, NFTA_EXPR_DATA);
  inside(batch);
  close_list(batch, data);
  close_list(batch, element);
}

static void load_destination(struct batch *batch) {
  enum { DESTINATION = 16 };  // in the header of IPv4
  number(batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
  number(batch, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
  number(batch, NFTA_PAYLOAD_OFFSET, DESTINATION);
  number(batch, NFTA_PAYLOAD_LEN, sizeof(struct in_addr));
}
static void mask(struct batch *batch) {
  number(batch, NFTA_BITWISE_SREG, NFT_REG_1);
  number(batch, NFTA_BITWISE_DREG, NFT_REG_1);
  number(batch, NFTA_BITWISE_LEN, sizeof(struct in_addr));
  address(batch, NFTA_BITWISE_MASK, 0xe0000000);
  address(batch, NFTA_BITWISE_XOR, 0);
}
static void compare(struct batch *batch) {
  number(batch, NFTA_CMP_SREG, NFT_REG_1);
  number(batch, NFTA_CMP_OP, NFT_CMP_EQ);
  address(batch, NFTA_CMP_DATA, 0xe0000000);
}
static void drop(struct batch *batch) {
  number(batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  struct nlattr *data = open_list(batch, NFTA_IMMEDIATE_DATA), *verdict = open_list(batch, NFTA_DATA_VERDICT);
  number(batch, NFTA_VERDICT_CODE, NF_DROP);
  close_list(batch, verdict);
  close_list(batch, data);
}

#define TABLE "skerry"
#define CHAIN "out"

static void write_filter(struct batch *batch) {
  end(batch, begin(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  struct nlmsghdr *message = begin_change(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  text(batch, NFTA_TABLE_NAME, TABLE);
  end(batch, message);

  message = begin_change(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  text(batch, NFTA_CHAIN_TABLE, TABLE);
  text(batch, NFTA_CHAIN_NAME, CHAIN);
  text(batch, NFTA_CHAIN_TYPE, "filter");
  struct nlattr *hook = open_list(batch, NFTA_CHAIN_HOOK);
  number(batch, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
  number(batch, NFTA_HOOK_PRIORITY, 0);
  close_list(batch, hook);
  end(batch, message);

  message = begin_change(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
  text(batch, NFTA_RULE_TABLE, TABLE);
  text(batch, NFTA_RULE_CHAIN, CHAIN);
  struct nlattr *rule = open_list(batch, NFTA_RULE_EXPRESSIONS);
  expression(batch, "payload", load_destination);
  expression(batch, "bitwise", mask);
  expression(batch, "cmp", compare);
  expression(batch, "immediate", drop);
  close_list(batch, rule);
  end(batch, message);
  end(batch, begin(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

int packets_keep_groups_out(void) {
  struct batch batch = {.length = 0};
  write_filter(&batch);
  int filters = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), error = 0;
  if (filters < 0) return errno;
  struct timeval patience = {.tv_sec = 5};
  setsockopt(filters, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
    unsigned char echo[sizeof batch.bytes];
  } answer;
  if (send(filters, batch.bytes, batch.length, 0) != (ssize_t)batch.length) error = errno ? errno : EPROTO;
  // The first answer: what fails, or that the rule is taken.
  ssize_t got = error ? 0 : recv(filters, &answer, sizeof answer, 0);
  if (got < 0) error = errno;
  else if (!error) error = got < (ssize_t)(sizeof answer.head + sizeof answer.error) || answer.head.nlmsg_type != NLMSG_ERROR ? EPROTO : -answer.error.error;
  close(filters);
  return error;
}
