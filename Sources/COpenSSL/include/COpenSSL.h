// The few things Skerry wants of OpenSSL 3, as plain functions: what a context is made of, one connection on a non-blocking socket, and
// what certificates say. OpenSSL's own headers stay in the C files. Contexts may be used by any thread once they are made, and are
// changed by none; a connection belongs to one thread. See ssl(7), SSL_CTX_new(3).
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason in words, its end included.
enum { SK_TLS_TEXT = 256 };
/// Bytes of a ClientHello that are kept for a fingerprint; OpenSSL itself reads up to 128 KiB.
enum { SK_TLS_HELLO = 16384 };
/// KeyUpdate messages that a peer may send on one connection; each costs a key derivation (RFC 8446, 4.6.3).
enum { SK_TLS_KEY_UPDATES = 64 };
/// Certificates in a chain that a viewer or origin may send, its own not counted.
enum { SK_TLS_CHAIN_DEPTH = 10 };

typedef struct sk_tls_context sk_tls_context;
typedef struct sk_tls_tickets sk_tls_tickets;
typedef struct sk_tls sk_tls;

/// Words for what went wrong, for whoever wants them; never longer than SK_TLS_TEXT.
typedef struct { char words[SK_TLS_TEXT]; } sk_tls_text;

// Protocol versions as they stand on the wire.
enum { SK_TLS_1_0 = 0x0301, SK_TLS_1_1 = 0x0302, SK_TLS_1_2 = 0x0303, SK_TLS_1_3 = 0x0304 };

// MARK: Contexts

/// What both sides' contexts have in common. `ciphers`: for TLS 1.2 and older, `suites`: for 1.3, both in OpenSSL's form.
typedef struct {
  int32_t minimum, maximum;
  const char *_Nonnull ciphers;
  const char *_Nonnull suites;
} sk_tls_protocols;

/// Makes a context that accepts; NULL with words. `alpn`: what is offered, in the form of RFC 7301 (length, name, …), in this side's order of
/// preference. `scope`: sessions are resumed only where it is the same; up to 32 bytes.
sk_tls_context *_Nullable sk_tls_server_context(
    const sk_tls_protocols *_Nonnull protocols, sk_tls_tickets *_Nonnull tickets, const uint8_t *_Nonnull alpn, size_t alpn_length,
    const uint8_t *_Nonnull scope, size_t scope_length, sk_tls_text *_Nonnull why);
/// Adds a certificate chain with its key, both PEM. One of each kind of key may stand in a context. 0 with words when they are no good.
/// `is_key`: set when it is the key's file that is at fault.
int32_t sk_tls_add_certificate(
    sk_tls_context *_Nonnull context, const char *_Nonnull chain, const char *_Nonnull key, int32_t *_Nonnull is_key, sk_tls_text *_Nonnull why);
/// The status that goes with the certificate added last (RFC 6066, 8): an OCSP response, DER. 0 with words when it is no good.
int32_t sk_tls_add_status(sk_tls_context *_Nonnull context, const uint8_t *_Nonnull response, size_t length, sk_tls_text *_Nonnull why);
/// Asks viewers for certificates that an authority of a file has signed. `required`: without one there is no connection. `advertise`: the
/// names of the authorities are told. `ignores_expiry`: an outdated one will do. 0 with words.
int32_t sk_tls_ask_certificate(
    sk_tls_context *_Nonnull context, const char *_Nonnull authorities, int32_t required, int32_t advertise, int32_t ignores_expiry,
    sk_tls_text *_Nonnull why);
/// Keeps the ClientHello of each connection for `sk_tls_hello`.
void sk_tls_keep_hello(sk_tls_context *_Nonnull context);
/// Who chooses the context by the name a viewer asks for (RFC 6066, 3), lower case; NULL when it names none. What it returns must live as
/// long as `context`; NULL keeps that one. Called in the middle of a handshake, on the connection's thread.
typedef sk_tls_context *_Nullable (*sk_tls_choose)(void *_Nonnull owner, const char *_Nullable name);
void sk_tls_choose_by_name(sk_tls_context *_Nonnull context, sk_tls_choose _Nonnull choose, void *_Nonnull owner);

/// Makes a context that connects and verifies; NULL with words. `authorities`: a file of PEM certificates, NULL for the system's.
/// `alpn`: as above, empty to offer nothing.
sk_tls_context *_Nullable sk_tls_client_context(
    const sk_tls_protocols *_Nonnull protocols, const char *_Nullable authorities, const uint8_t *_Nonnull alpn, size_t alpn_length,
    sk_tls_text *_Nonnull why);
/// Lets a context that connects take whatever certificate it is shown: for tools whose user says so.
void sk_tls_trust_anybody(sk_tls_context *_Nonnull context);
void sk_tls_context_free(sk_tls_context *_Nullable context);

/// Keys of session tickets, shared by every context and thread of a process, renewed every so many seconds; the one before stays good
/// for reading. NULL when there is no randomness.
sk_tls_tickets *_Nullable sk_tls_tickets_new(int32_t rotation_seconds);
/// Takes new keys now: for tests, and for who must forget the old ones (twice forgets them all).
int32_t sk_tls_tickets_rotate(sk_tls_tickets *_Nonnull tickets);
/// Takes the new keys that are due: keys are forgotten at their time although nobody uses them.
void sk_tls_tickets_rotate_due(sk_tls_tickets *_Nonnull tickets);
void sk_tls_tickets_free(sk_tls_tickets *_Nullable tickets);

// MARK: Connections

/// What became of a step. More than 0: bytes moved.
enum {
  SK_TLS_DONE = 0,         ///< the handshake is complete
  SK_TLS_WAIT_READ = -1,   ///< nothing more without bytes from the peer
  SK_TLS_WAIT_WRITE = -2,  ///< nothing more before the socket takes bytes
  SK_TLS_END = -3,         ///< close_notify: the peer will send no more
  SK_TLS_TRUNCATED = -4,   ///< the end of the stream without close_notify
  SK_TLS_FAILED = -5,      ///< see `sk_tls_failure`; the connection is of no more use
};

/// Why a connection failed.
typedef enum {
  sk_tls_failed_other,        ///< malformed messages or records, and what else OpenSSL refuses
  sk_tls_failed_plain,        ///< not TLS at all: it begins with a letter, as HTTP does
  sk_tls_failed_version,      ///< no version in common
  sk_tls_failed_cipher,       ///< no cipher or signature in common
  sk_tls_failed_protocol,     ///< no application protocol in common
  sk_tls_failed_certificate,  ///< the peer's certificate is missing or not trusted
  sk_tls_failed_alert,        ///< the peer said no
  sk_tls_failed_io,           ///< the connection broke
  sk_tls_failed_key_updates,  ///< more KeyUpdate messages than may come
} sk_tls_failure_kind;

/// What is known of a connection. Only this file's functions write it, but for `may_receive` and `is_ending`.
typedef struct {
  /// The socket may hold bytes: set by who watches it, cleared when a read has emptied it.
  uint8_t may_receive;
  /// The peer has closed: a short read does not mean that the socket is empty.
  uint8_t is_ending;
  uint8_t is_established;
  uint8_t is_failed;
  /// A step of reading waits for the socket to take bytes.
  uint8_t read_waits_for_write;
  uint8_t key_updates;
  int32_t system_error;
} sk_tls_state;

/// A connection on a connected, non-blocking socket, which it does not own; NULL without memory.
sk_tls *_Nullable sk_tls_accept(sk_tls_context *_Nonnull context, int32_t socket);
/// `name`: told to the server and part of what a session is kept by; NULL for none. `session`: one to resume, or NULL. `owner`: who gets
/// sessions, by `sk_tls_take_session`.
sk_tls *_Nullable sk_tls_connect(sk_tls_context *_Nonnull context, int32_t socket, const char *_Nullable name, void *_Nullable session);
void sk_tls_free(sk_tls *_Nullable tls);
sk_tls_state *_Nonnull sk_tls_state_of(sk_tls *_Nonnull tls);

/// Goes on with the handshake.
int64_t sk_tls_handshake(sk_tls *_Nonnull tls);
/// Reads as many records as there are and have room.
int64_t sk_tls_read(sk_tls *_Nonnull tls, void *_Nonnull to, size_t room);
/// Whether a read may find something without new bytes from the socket, or the socket may hold some.
int32_t sk_tls_has_more(const sk_tls *_Nonnull tls);
/// Sends bytes as records. When it says to wait, the same bytes (and perhaps more behind them) must be given again.
int64_t sk_tls_write(sk_tls *_Nonnull tls, const void *_Nonnull from, size_t count);
/// Says close_notify, once, if there is anybody to say it to; nothing else may wait to be written. 0 when the socket does not take it now:
/// to be called again when it takes bytes.
int32_t sk_tls_say_goodbye(sk_tls *_Nonnull tls);
sk_tls_failure_kind sk_tls_failure(const sk_tls *_Nonnull tls);
const char *_Nonnull sk_tls_failure_words(const sk_tls *_Nonnull tls);

// MARK: What an established connection is like

int32_t sk_tls_version(const sk_tls *_Nonnull tls);
const char *_Nonnull sk_tls_cipher(const sk_tls *_Nonnull tls);
int32_t sk_tls_is_resumed(const sk_tls *_Nonnull tls);
/// The name that the viewer asked for, lower case; NULL when it asked for none.
const char *_Nullable sk_tls_server_name(const sk_tls *_Nonnull tls);
/// The application protocol; 0 bytes when none was negotiated.
size_t sk_tls_alpn(const sk_tls *_Nonnull tls, const uint8_t *_Nullable *_Nonnull protocol);
/// The context whose certificate was shown.
const void *_Nonnull sk_tls_context_of(const sk_tls *_Nonnull tls);
/// The viewer's first message as it came, header included, until it is forgotten; 0 bytes when it is not kept or was too long.
size_t sk_tls_hello(sk_tls *_Nonnull tls, const uint8_t *_Nullable *_Nonnull bytes);
void sk_tls_forget_hello(sk_tls *_Nonnull tls);
/// A session to resume, if the server gave one since the last call; the caller frees it.
void *_Nullable sk_tls_take_session(sk_tls *_Nonnull tls);
void sk_tls_session_free(void *_Nullable session);
/// The last second, since 1970, in which a session may be resumed: of its ticket (RFC 8446, 4.6.1), or of the certificate it was made with.
int64_t sk_tls_session_end(void *_Nonnull session);
/// Whether the peer's certificate is one for a host: a name or an IP address literal. `.example.com`: any name below it.
int32_t sk_tls_peer_is(const sk_tls *_Nonnull tls, const char *_Nonnull host);
/// The names of the peer's certificate, separated by commas, for messages.
void sk_tls_peer_names(const sk_tls *_Nonnull tls, sk_tls_text *_Nonnull names);

/// The parts of a peer's certificate in text.
typedef enum { sk_certificate_serial, sk_certificate_issuer, sk_certificate_subject, sk_certificate_validity, sk_certificate_sha256, sk_certificate_pem } sk_certificate_part;
/// Calls `take` with the text of a part; not at all when the peer has shown no certificate.
void sk_tls_peer_part(
    const sk_tls *_Nonnull tls, sk_certificate_part part, void *_Nonnull context,
    void (*_Nonnull take)(void *_Nonnull context, const char *_Nonnull text, size_t length));

// MARK: Certificates

typedef enum { sk_key_rsa, sk_key_ecdsa, sk_key_ed25519, sk_key_other } sk_key_kind;
/// Calls `take` for each DNS name and IP address of the first certificate of a PEM file (its subject's common name only when there is no
/// alternative name), and says its kind of key and its end in seconds since 1970. 0 with words when the file has no certificate.
int32_t sk_certificate_names(
    const char *_Nonnull path, void *_Nonnull context, void (*_Nonnull take)(void *_Nonnull context, const char *_Nonnull name),
    sk_key_kind *_Nonnull kind, int64_t *_Nonnull expires, sk_tls_text *_Nonnull why);

// MARK: Digests

/// Writes the digest: 16 bytes for MD5, 32 for SHA-256.
void sk_digest_md5(const uint8_t *_Nullable bytes, size_t count, uint8_t *_Nonnull digest);
void sk_digest_sha256(const uint8_t *_Nullable bytes, size_t count, uint8_t *_Nonnull digest);

// MARK: Signatures

typedef struct sk_public_key sk_public_key;

/// Reads the first public key of a PEM text ("BEGIN PUBLIC KEY"), its kind (of elliptic curves only P-256 is sk_key_ecdsa) and its size.
/// NULL with words.
sk_public_key *_Nullable sk_public_key_read(
    const uint8_t *_Nonnull pem, size_t length, sk_key_kind *_Nonnull kind, int32_t *_Nonnull bits, sk_tls_text *_Nonnull why);
void sk_public_key_free(sk_public_key *_Nullable key);
/// Whether a signature is the key's: of RSA PKCS #1 v1.5, of an elliptic curve ECDSA (DER); over SHA-256, or SHA-1. Any thread.
int32_t sk_public_key_verifies(
    const sk_public_key *_Nonnull key, int32_t is_sha256, const uint8_t *_Nullable message, size_t message_length,
    const uint8_t *_Nullable signature, size_t signature_length);
