#!/usr/bin/env python3
"""Writes SignatureVectors.swift: keys made now, and URLs and cookies that botocore's CloudFrontSigner signed with them (SHA-1, RSA), or that
openssl signed where botocore cannot (SHA-256, ECDSA, policies of unusual form). Run it in this folder; the private keys are thrown away."""
import base64, datetime, json, subprocess, tempfile, os
from botocore.signers import CloudFrontSigner

folder = tempfile.mkdtemp()
def run(*words, **more): return subprocess.run(words, check=True, capture_output=True, cwd=folder, **more).stdout
run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key")
run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.key")
run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "other.key")
run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "short.key")
run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "p384.key")
def public(name): return run("openssl", "pkey", "-in", name + ".key", "-pubout").decode()
def sign(message, key="rsa", digest="sha1"):
    return run("openssl", "dgst", "-" + digest, "-sign", key + ".key", input=message)
def encode(data): return base64.b64encode(data).decode().replace("+", "-").replace("=", "_").replace("/", "~")

FAR, PAST = 4102444800, 1000000000
def date(seconds): return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
signers = {"rsa": "KRSA", "ec": "KECDSA", "other": "KOTHER"}
boto = CloudFrontSigner("KRSA", lambda message: sign(message))
def target(url): return "/" + url.split("://", 1)[1].split("/", 1)[1]

def policy(resource, ends=FAR, begins=None, ip=None, **more):
    condition = {"DateLessThan": {"AWS:EpochTime": ends}}
    if begins is not None: condition["DateGreaterThan"] = {"AWS:EpochTime": begins}
    if ip: condition["IpAddress"] = {"AWS:SourceIp": ip}
    statement = {} if resource is None else {"Resource": resource}
    statement["Condition"] = condition
    return json.dumps({"Statement": [dict(statement, **more)]}, separators=(",", ":"))
def canned(url, ends=FAR): return '{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}' % (url, ends)

def parameters(text, key="rsa", digest="sha1", expires=None):
    result = [("Expires", str(expires))] if expires else [("Policy", encode(text.encode()))]
    result += [("Signature", encode(sign(text.encode(), key, digest))), ("Key-Pair-Id", signers[key])]
    return result + ([("Hash-Algorithm", "SHA256")] if digest == "sha256" else [])
def by_url(url, pairs): return target(url) + ("&" if "?" in url else "?") + "&".join("%s=%s" % pair for pair in pairs)
def by_cookies(pairs): return "; ".join("CloudFront-%s=%s" % pair for pair in pairs)

U = "http://media.test/films/one.mp4"
vectors = {}   # name: (target, cookies)
def url(name, url, pairs): vectors[name] = (by_url(url, pairs), "")
def cookies(name, pairs): vectors[name] = ("/", by_cookies(pairs))
vectors["botoCanned"] = (target(boto.generate_presigned_url(U, date_less_than=date(FAR))), "")
vectors["botoCannedWithQuery"] = (target(boto.generate_presigned_url(U + "?size=large&x", date_less_than=date(FAR))), "")
vectors["botoCustom"] = (target(boto.generate_presigned_url(U, policy=boto.build_policy("http://media.test/films/*", date(FAR), date(PAST), "127.0.0.0/8"))), "")
vectors["botoExpired"] = (target(boto.generate_presigned_url(U, date_less_than=date(PAST))), "")
url("cannedSHA256", U, parameters(canned(U), digest="sha256", expires=FAR))
url("cannedECDSA", U, parameters(canned(U), key="ec", expires=FAR))
url("cannedECDSASHA256", U, parameters(canned(U), key="ec", digest="sha256", expires=FAR))
url("cannedOther", U, parameters(canned(U), key="other", expires=FAR))
url("cannedMilliseconds", U, parameters(canned(U, FAR * 1000), expires=FAR * 1000))
url("anything", U, parameters(policy(None)))
url("everything", U, parameters(policy("*")))
url("httpsOnly", U, parameters(policy("https://media.test/*")))
url("notYet", U, parameters(policy("http://media.test/*", begins=FAR - 1)))
url("ended", U, parameters(policy("http://media.test/*", ends=PAST)))
url("elsewhere", U, parameters(policy("http://media.test/songs/*")))
url("otherAddress", U, parameters(policy("*", ip="192.0.2.0/24")))
url("anyAddress", U, parameters(policy("*", ip="0.0.0.0/0")))
url("dots", "http://media.test/open/../films/one.mp4", parameters(policy("http://media.test/open/*")))
url("twoStatements", U, parameters(json.dumps({"Statement": json.loads(policy("*"))["Statement"] * 2}, separators=(",", ":"))))
url("unknownCondition", U, parameters(policy("*").replace('"Condition":{', '"Condition":{"IPAddress":{"AWS:SourceIp":"127.0.0.1"},')))
url("noEnd", U, parameters('{"Statement":[{"Resource":"*","Condition":{}}]}'))
url("withSpaces", U, parameters(json.dumps(json.loads(policy("*")), indent=2)))
url("noJSON", U, parameters("Statement"))
cookies("cookieCustom", parameters(policy("http*://*.test/films/*")))
cookies("cookieCanned", parameters(canned(U), expires=FAR))
cookies("cookieECDSA", parameters(policy("*://media.test/*"), key="ec", digest="sha256"))
cookies("cookieExpired", parameters(policy("*://media.test/*", ends=PAST)))

print("// Made by signatures.py: what real signers make for keys whose private halves are gone. Valid ones are so until 2100.\n")
print("/// Keys, and URLs and cookies that were signed with them.\npublic enum SignatureVectors {")
for name in ("rsa", "ec", "other", "short", "p384"):
    print('  /// The public key %s.\n  public static let %s = """\n    %s\n    """' % (signers.get(name, "of a kind that is not taken"), name, public(name).strip().replace("\n", "\n    ")))
print('  /// What is signed where nothing else is said: a path at media.test, by HTTP.\n  public static let path = "/films/one.mp4"')
print("  /// By name: target and Cookie of a request.\n  public static let all: [String: (target: String, cookies: String)] = [")
for name, (path, cookie) in vectors.items(): print('    "%s": ("%s", "%s"),' % (name, path, cookie))
print("  ]\n}")
