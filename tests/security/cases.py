"""Hostile requests with their answers. docs/security.md shows the same list."""

from tests.security.body_cases import BODY_CASES
from tests.security.case import TASK, Case, gets, lines
from tests.support.raw import USER, request

TASKS = f"/api/{USER}/tasks".encode()
CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = request(b"GET", b"/health", token=False)


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


CASES: list[Case] = [
    Case("framing", "a task, as it should be", request(b"POST", body=TASK), (201,)),
    Case("framing", "in chunks", request(b"POST", None, CHUNKED, body=chunks(TASK[:5], TASK[5:])), (201,)),
    Case("framing", "two requests in one packet", request(close=False) + request(), (200, 200)),
    Case(
        "framing",
        "a chunk size that is not a number",
        request(b"POST", None, CHUNKED, body=b"ZZ\r\n{}\r\n0\r\n\r\n"),
        (400,),
    ),
    Case("framing", "a chunk size of 17 digits", request(b"POST", None, CHUNKED, body=b"1" * 17 + b"\r\n{}"), (400,)),
    Case("framing", "a negative chunk size", request(b"POST", None, CHUNKED, body=b"-1\r\n{}\r\n0\r\n\r\n"), (400,)),
    Case(
        "framing",
        "a chunk longer than it says",
        request(b"POST", None, CHUNKED, body=b"2\r\n{}xx\r\n0\r\n\r\n"),
        (400,),
    ),
    Case("framing", "chunks that end early", request(b"POST", None, CHUNKED, body=b"5\r\n{"), (400,), ends=True),
    Case(
        "framing",
        "a body shorter than it says",
        request(b"POST", None, b"Content-Length: 100", body=TASK),
        (400,),
        ends=True,
    ),
    Case(
        "framing",
        "Content-Length and chunked at once",
        request(b"POST", None, b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n") + SMUGGLED,
        (400,),
    ),
    Case(
        "framing",
        "two Content-Lengths",
        request(b"POST", None, b"Content-Length: 14", b"Content-Length: 15", body=TASK),
        (400,),
    ),
    Case(
        "framing",
        "Content-Length with 5000 leading zeros",
        request(b"POST", None, b"Content-Length: " + b"0" * 5000 + b"%d" % len(TASK), body=TASK),
        (201,),
    ),
    *lines(
        "framing",
        400,
        **{
            "Content-Length: +14": b"Content-Length: +14",
            "Content-Length: -1": b"Content-Length: -1",
            "Content-Length: 14, 15": b"Content-Length: 14, 15",
            "Content-Length of 30 digits": b"Content-Length: " + b"9" * 30,
            "Transfer-Encoding: xchunked": b"Transfer-Encoding: xchunked",
            "Transfer-Encoding: identity": b"Transfer-Encoding: identity",
            "a space before the colon": b"Content-Length : 14",
            "a folded header line": b"X: a\r\n b",
            "a NUL in a header": b"X: a\x00b",
            "a space in a header's name": b"X Y: a",
            "a header line without a colon": b"X",
        },
    ),
    Case(
        "framing",
        "a request in the body of a GET",
        request(b"GET", None, b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED,
        (200,),
    ),
    Case(
        "framing",
        "a request in the body of a refused POST",
        request(b"POST", None, b"Content-Length: %d" % len(SMUGGLED), token=False) + SMUGGLED,
        (401,),
    ),
    Case("framing", "no Host", request(host=None), (400,)),
    Case("framing", "two Hosts", request(host=b"Host: a\r\nHost: b\r\n"), (400,)),
    Case("framing", "an empty Host", request(host=b"Host:\r\n"), (400,)),
    Case("framing", "a Host with a slash", request(host=b"Host: a/b\r\n"), (400,)),
    Case("framing", "HTTP/1.0 without Host", request(host=None, version=b"HTTP/1.0"), (200,)),
    Case("framing", "HTTP/0.9", b"GET /health\r\n\r\n", (400,)),
    Case("framing", "HTTP/9.9", request(version=b"HTTP/9.9"), (400,)),
    Case("framing", "HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ()),
    Case("framing", "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
    Case(
        "framing",
        "a WebSocket",
        request(
            b"GET",
            b"/health",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
        (200,),
    ),
    Case("size", "headers of 15 KiB", request(b"GET", None, b"X: " + b"x" * 15_000), (200,)),
    Case("size", "headers of 17 KiB", request(b"GET", None, b"X: " + b"x" * 17_000), (431,)),
    Case("size", "150 headers", request(b"GET", None, *(b"X%d: x" % number for number in range(150))), (431,)),
    Case("size", "a query of 9 KiB", request(b"GET", TASKS + b"?search=" + b"x" * 9_000), (414,)),
    Case("size", "a path of 9 KiB", request(b"GET", TASKS + b"/" + b"x" * 9_000), (414,)),
    Case("size", "a body of 64 KiB and one byte", request(b"POST", body=b" " * (65_537 - len(TASK)) + TASK), (413,)),
    Case("size", "the same in chunks", request(b"POST", None, CHUNKED, body=chunks(*[b" " * 8192] * 8, TASK)), (413,)),
    Case("size", "a body of 64 KiB", request(b"POST", body=b" " * (65_536 - len(TASK)) + TASK), (201,)),
    *BODY_CASES,
    *gets(
        "parameters",
        400,
        **{
            "limit=0": TASKS + b"?limit=0",
            "limit=101": TASKS + b"?limit=101",
            "limit=-1": TASKS + b"?limit=-1",
            "limit=1e2": TASKS + b"?limit=1e2",
            "limit=0x10": TASKS + b"?limit=0x10",
            "limit=+5": TASKS + b"?limit=%2B5",
            "limit=1_0": TASKS + b"?limit=1_0",
            "limit in Arabic digits": TASKS + b"?limit=%D9%A3",
            "limit of 5 000 digits": TASKS + b"?limit=" + b"9" * 5000,
            "limit twice": TASKS + b"?limit=10&limit=10",
            "limit with a NUL": TASKS + b"?limit=1%00",
            "offset=2^63": TASKS + b"?offset=9223372036854775808",
            "an unknown parameter": TASKS + b"?page=1",
            "a parameter that is not UTF-8": TASKS + b"?limit=%ff",
        },
    ),
    *gets(
        "paths",
        404,
        **{
            "an id that is not a UUID": TASKS + b"/1",
            "an id with braces": TASKS + b"/%7B0181aefe-146f-4b19-a3ec-609834ef357b%7D",
            "an id without hyphens": TASKS + b"/0181aefe146f4b19a3ec609834ef357b",
            "an id with a NUL": TASKS + b"/%00",
            "an id with SQL": TASKS + b"/'%20or%201=1--",
            "an id that is not UTF-8": TASKS + b"/%ff%fe",
            "two dots, escaped": TASKS + b"/%2e%2e",
            "an unknown path": b"/nowhere",
            "another user, behind dots": f"/api/{USER}/../bob/tasks".encode(),
        },
    ),
    *gets(
        "paths",
        403,
        **{
            "another user": b"/api/bob/tasks",
            "the user and a NUL": f"/api/{USER}%00/tasks".encode(),
            "the user in another case": f"/api/{USER.upper()}/tasks".encode(),
            "another user, behind an escaped slash": f"/api/bob%2F..%2F{USER}/tasks".encode(),
        },
    ),
    Case("paths", "a byte that is not ASCII", request(b"GET", TASKS + b"/\xff"), (400,)),
    Case("paths", "a space", request(b"GET", TASKS + b"/a b"), (400,)),
    Case("paths", "an absolute target", request(b"GET", b"http://elsewhere.example" + TASKS), (200,)),
    Case("methods", "TRACE", request(b"TRACE"), (405,)),
    Case("methods", "CONNECT", request(b"CONNECT", b"elsewhere.example:443"), (405,)),
    Case("methods", "an unknown method", request(b"BREW"), (405,)),
    Case("methods", "get", request(b"get"), (405,)),
    Case("methods", "a method of 100 letters", request(b"A" * 100), (405,)),
    Case("methods", "X-HTTP-Method-Override: DELETE", request(b"GET", None, b"X-HTTP-Method-Override: DELETE"), (200,)),
    Case("methods", "OPTIONS", request(b"OPTIONS"), (204,)),
    Case("methods", "OPTIONS *", request(b"OPTIONS", b"*"), (404,)),
    Case("methods", "HEAD, then GET", request(b"HEAD", close=False) + request(), (200, 200)),
    Case("tokens", "none", request(token=False), (401,)),
    Case("tokens", "two", request(b"GET", None, b"Authorization: Bearer x"), (401,)),
    Case(
        "tokens", "one of 10 KiB", request(b"GET", None, b"Authorization: Bearer " + b"x" * 10_000, token=False), (401,)
    ),
    Case(
        "tokens",
        "bytes that are not ASCII",
        request(b"GET", None, b"Authorization: Bearer \xff\xfe.\xff.\xff", token=False),
        (401,),
    ),
    Case("tokens", "in the query only", request(b"GET", TASKS + b"?access_token=x", token=False), (401,)),
    Case("tokens", "in a cookie only", request(b"GET", None, b"Cookie: access_token=x", token=False), (401,)),
    Case(
        "tokens", "X-Forwarded-User", request(b"GET", None, b"X-Forwarded-User: " + USER.encode(), token=False), (401,)
    ),
]
