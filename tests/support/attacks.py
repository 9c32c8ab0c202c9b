"""Addresses that lead, or try to lead, to where no stranger may go; and good ones that must work.

`{port}` is empty where the internal listener has port 80, and `:PORT` elsewhere. `{to}` is the
public server with a redirect to what follows. Names that end in `.test` are those of NAMES.
"""

from __future__ import annotations

import re
from urllib.parse import quote

LOOPBACK_FORMS = [
    "http://127.0.0.1{port}/",
    "http://127.0.0.1{port}",
    "HTTP://127.0.0.1{port}/",
    "http://localhost{port}/",
    "http://LOCALHOST{port}/",
    "http://localhost.{port}/",
    "http://localhost.localdomain{port}/",
    "http://ip6-localhost{port}/",
    "http://127.0.0.1.{port}/",
    "http://127.1{port}/",
    "http://127.0.1{port}/",
    "http://127.000.000.001{port}/",
    "http://0{port}/",
    "http://0.0.0.0{port}/",
    "http://0.0.0.0.{port}/",
    "http://2130706433{port}/",
    "http://02130706433{port}/",
    "http://017700000001{port}/",
    "http://0177.0.0.1{port}/",
    "http://0177.0.0.01{port}/",
    "http://0x7f000001{port}/",
    "http://0x7f.0.0.1{port}/",
    "http://0x7f.1{port}/",
    "http://0X7F.0X0.0X0.0X1{port}/",
    "http://127.0.0.0x1{port}/",
    "http://6425673729{port}/",
    "http://127.0.0.1%2e{port}/",
    "http://127%2e0%2e0%2e1{port}/",
    "http://%31%32%37.0.0.1{port}/",
    "http://127.0.0.1%00{port}/",
    "http://127.0.0.1%20{port}/",
    "http://127.0.0.1%0d%0a{port}/",
    "http://127。0。0。1{port}/",
    "http://127．0．0．1{port}/",
    "http://127｡0｡0｡1{port}/",
    "http://①②⑦.⓪.⓪.①{port}/",
    "http://１２７.０.０.１{port}/",
    "http://𝟭𝟮𝟳.𝟬.𝟬.𝟭{port}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ{port}/",
    "http://loca\u00adlhost{port}/",
    "http://loc\u200balhost{port}/",
    "http://[::1]{port}/",
    "http://[0:0:0:0:0:0:0:1]{port}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]{port}/",
    "http://[::]{port}/",
    "http://[::0]{port}/",
    "http://[::127.0.0.1]{port}/",
    "http://[::7f00:1]{port}/",
    "http://[::ffff:127.0.0.1]{port}/",
    "http://[::FFFF:7F00:1]{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]{port}/",
    "http://[::ffff:0:127.0.0.1]{port}/",
    "http://[::ffff:0.0.0.0]{port}/",
    "http://[::1%25lo]{port}/",
    "http://[::1%lo]{port}/",
    "http://[fe80::1%25lo]{port}/",
    "http://[::1{port}/",
    "http://::1{port}/",
    "http://[127.0.0.1]{port}/",
    "http://[v1.::1]{port}/",
    "http://user@127.0.0.1{port}/",
    "http://user:word@127.0.0.1{port}/",
    "http://good.test@127.0.0.1{port}/",
    "http://good.test%40127.0.0.1{port}/",
    "http://good.test:80@127.0.0.1{port}/",
    "http://127.0.0.1{port}@good.test/",
    "http://good.test\\@127.0.0.1{port}/",
    "http://127.0.0.1\\@good.test{port}/",
    "http://127.0.0.1{port}\\.good.test/",
    "http:\\\\127.0.0.1{port}\\",
    "http:/127.0.0.1{port}/",
    "http:127.0.0.1{port}/",
    "http:///127.0.0.1{port}/",
    "http:////127.0.0.1{port}/",
    "//127.0.0.1{port}/",
    "127.0.0.1{port}/",
    " http://127.0.0.1{port}/",
    "\thttp://127.0.0.1{port}/",
    "http://127.0.0.1{port}/ ",
    "ht\ntp://127.0.0.1{port}/",
    "http://127.0.\n0.1{port}/",
    "http://127.0.0.1{port}/\r\nX-Injected: 1",
    "http://good.test /@127.0.0.1{port}/",
    "http://127.0.0.1;good.test{port}/",
    "http://127.0.0.1,good.test{port}/",
    "http://127.0.0.1&good.test{port}/",
    "http://%7B127.0.0.1%7D{port}/",
    "https://127.0.0.1{port}/",
    "https://localhost{port}/",
]

OTHER_SCHEMES = [
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "FILE:///etc/passwd",
    "ftp://127.0.0.1{port}/",
    "gopher://127.0.0.1{port}/_GET%20/",
    "dict://127.0.0.1{port}/",
    "ldap://127.0.0.1{port}/",
    "sftp://127.0.0.1{port}/",
    "tftp://127.0.0.1{port}/",
    "jar:http://127.0.0.1{port}!/",
    "netdoc:///etc/passwd",
    "phar://127.0.0.1{port}/",
    "ws://127.0.0.1{port}/",
    "wss://127.0.0.1{port}/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "data:image/jpeg;base64,/9j/",
    "javascript:alert(1)",
    "view-source:http://127.0.0.1{port}/",
    "blob:http://127.0.0.1{port}/",
    "url:http://127.0.0.1{port}/",
]

OTHER_PORTS = [
    "http://good.test:22/",
    "http://good.test:25/",
    "http://good.test:6379/",
    "http://good.test:8001/",
    "http://good.test:0/",
    "http://good.test:65616/",  # 80 more than the last port
    "http://good.test:-80/",
    "http://good.test:8O/",
    "http://good.test:80:22/",
    "http://good.test:22#:80/",
    "https://good.test:22/",
    "http://127.0.0.1:22/",
]

INNER_ADDRESSES = [
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.3",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::2]",
    "[::10.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:0:10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::10.0.0.1]",
    "[100::1]",
    "[100:0:0:1::1]",
    "[2001::1]",
    "[2001:0:a00:1::1]",  # Teredo by a server at 10.0.0.1
    "[2001:0:4136:e378:8000:63bf:f5ff:fffe]",  # Teredo of a client at 10.0.0.1
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",  # Teredo of a client at 127.0.0.1
    "[2001:1::1]",
    "[2001:2::1]",
    "[2001:3::1]",
    "[2001:4:112::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:30::1]",
    "[2001:db8::1]",
    "[2002:a00:1::1]",  # 6to4 of 10.0.0.1
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:4860::5efe:10.0.0.1]",  # ISATAP
    "[2001:4860::200:5efe:127.0.0.1]",
    "[2620:4f:8000::1]",
    "[3fff::1]",
    "[4000::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fd12:3456:789a::1]",
    "[fe80::1]",
    "[fe80::5efe:127.0.0.1]",
    "[febf::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
]

# What the names' servers answer: addresses, in turn where there are several lists.
PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:2800:21f::1"
OTHER_PUBLIC = "151.101.1.140"
NAMES: dict[str, list[list[str]]] = {
    "good.test": [[PUBLIC]],
    "other.test": [[OTHER_PUBLIC]],
    "six.test": [[PUBLIC_6]],
    "both.test": [[PUBLIC, PUBLIC_6]],
    "several.test": [[PUBLIC, OTHER_PUBLIC]],
    "xn--katzenbr-6za.test": [[PUBLIC]],
    "inner.test": [["127.0.0.1"]],
    "private.test": [["10.0.0.1"]],
    "metadata.test": [["169.254.169.254"]],
    "zero.test": [["0.0.0.0"]],
    "six-inner.test": [["::1"]],
    "six-unspecified.test": [["::"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "compatible.test": [["::127.0.0.1"]],
    "nat64.test": [["64:ff9b::127.0.0.1"]],
    "sixtofour.test": [["2002:7f00:1::"]],
    "teredo.test": [["2001:0:4136:e378:8000:63bf:80ff:fffe"]],
    "isatap.test": [["2001:4860::5efe:127.0.0.1"]],
    "local.test": [["fe80::1"]],
    "split.test": [[PUBLIC, "127.0.0.1"]],
    "split-back.test": [["127.0.0.1", PUBLIC]],
    "split-private.test": [[PUBLIC, "10.0.0.1"]],
    "split-six.test": [[PUBLIC, "::1"]],
    "split-mapped.test": [[PUBLIC, "::ffff:10.0.0.1"]],
    "many.test": [[*(f"93.184.215.{n}" for n in range(20, 40)), "127.0.0.1"]],
    "rebinding.test": [[PUBLIC], ["127.0.0.1"]],
    "rebinding-back.test": [["127.0.0.1"], [PUBLIC]],
    "rebinding-six.test": [[PUBLIC], ["::1"]],
    "nowhere.test": [[]],
}
HOSTILE_NAMES = [
    "inner", "private", "metadata", "zero", "six-inner", "six-unspecified", "mapped", "compatible",
    "nat64", "sixtofour", "teredo", "isatap", "local", "split", "split-back", "split-private",
    "split-six", "split-mapped", "many", "rebinding-back", "nowhere",
]  # fmt: skip
REBINDING = ["rebinding", "rebinding-six"]  # whose first answer is a public one

# What only a redirect can say.
LOCATIONS = [
    "//127.0.0.1{port}/",
    "//localhost{port}/",
    "//[::1]{port}/",
    "//10.0.0.1{port}/",
    "file:///etc/passwd",
    "http://127.0.0.1{port}/\tx",
    "",
]
# Read as the RFC says, these are paths of the server that redirects; it may be asked for them.
PATHS = [
    "/\\127.0.0.1{port}/",
    "\\\\127.0.0.1{port}\\",
    "///127.0.0.1{port}/",
    "http:127.0.0.1{port}",
    "http:/127.0.0.1{port}/",
    "http:///127.0.0.1{port}/",
    "http:\\\\127.0.0.1{port}\\",
    "\xff\xfe",
]
_ABSOLUTE = re.compile(r"[a-zA-Z+.-]+://[^/\\]")


def hostile_urls(port: str) -> list[str]:
    """Every address that is named above, for an internal listener at `port`."""
    urls = [form.replace("{port}", port) for form in (*LOOPBACK_FORMS, *OTHER_SCHEMES)]
    urls += OTHER_PORTS
    urls += [f"http://{address}{port}/" for address in INNER_ADDRESSES]
    urls += [f"http://{name}.test{port}/" for name in HOSTILE_NAMES]
    return urls


def hostile_redirects(public: str, port: str) -> list[str]:
    """The public server's redirects to all of them."""
    locations = [location.replace("{port}", port) for location in LOCATIONS]
    locations += [
        url
        for url in hostile_urls(port)
        if _ABSOLUTE.match(url) and url.isprintable() and url.isascii() and "rebinding" not in url
    ]
    return redirects(public, locations)


def redirects(public: str, locations: list[str]) -> list[str]:
    """Addresses of the public server that lead to each of `locations`."""
    statuses = (301, 302, 303, 307, 308)
    written = [quote(location, safe="", encoding="latin-1") for location in locations]
    return [
        f"{public}/to?status={statuses[number % 5]}&url={location}"
        for number, location in enumerate(written)
    ]


def good_urls(public: str, port: str) -> list[str]:
    """Addresses that must work, on the public server `public` and under its names."""
    return [
        f"{public}/cat.jpg",
        f"{public}",
        f"{public}/",
        f"{public}?size=large",
        f"{public}/cat.jpg#top",
        f"{public}/a/../b/./cat.jpg",
        f"{public}//cat.jpg",
        f"{public}/cat%20one.jpg",
        f"{public}/katzenbär.jpg",
        f"{public}/cat.jpg?url=http://127.0.0.1/",
        f"{public}/cat.jpg?q=a@b:c",
        f"{public}/@user/cat.jpg",
        f"{public}/" + "a" * 2000,
        f"{public}/hops/1",
        f"{public}/hops/3",
        f"{public}/to?status=301&url=/cat.jpg",
        f"{public}/to?status=302&url=cat.jpg",
        f"{public}/to?status=303&url=/%3Fsize%3D2",
        f"{public}/to?status=307&url=//other.test{port}/cat.jpg",
        f"{public}/to?status=308&url=http://good.test{port}/cat.jpg%23top",
        f"{public}/bytes/10000000",
        f"{public}/endless-redirect",
        f"http://good.test{port}/cat.jpg",
        f"http://good.test{port}/#@127.0.0.1{port}/",
        f"http://good.test{port}/?@127.0.0.1{port}/",
        f"HTTP://GOOD.TEST{port}/cat.jpg",
        f"http://good.test.{port}/cat.jpg",
        f"http://other.test{port}/cat.jpg",
        f"http://six.test{port}/cat.jpg",
        f"http://both.test{port}/cat.jpg",
        f"http://several.test{port}/cat.jpg",
        f"http://katzenbär.test{port}/cat.jpg",
        f"http://xn--katzenbr-6za.test{port}/cat.jpg",
    ]
