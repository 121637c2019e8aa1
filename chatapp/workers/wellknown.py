"""Common passwords: defaults of programs, and those that most people choose."""

from __future__ import annotations

from chatapp.model import names, normal

LONGEST = 64  # characters; nothing longer is as common

# The first ones to be tried: what programs create at their first start, then the commonest short ones. From public
# student chats and from lists of leaked passwords, in English and in Vietnamese.
_FIRST = tuple(
    """
    admin123 admin 123456 password 12345678 123456789 12345 1234 123 1 111111 000000 1234567 1234567890 123123 abc123
    qwerty admin@123 admin1234 matkhau 654321 666666 888888 999999 222222 333333 555555 777777 696969 112233 121212
    123321 147258 159753 159357 789456 987654 aaaaaa a123456 123456a 123abc abc abc@123 asd123 asdasd asdfgh zxcvbn
    qazwsx 1q2w3e 1qaz2w qwe123 pass pass123 passwd root toor test test123 guest user user123 demo letmein welcome login
    master monkey dragon secret hello changeme default anhyeu emyeu yeuem yeuanh iloveu iuemnhieu vietnam hanoi saigon
    xinchao matkhau1 p@ssword p@ssw0rd admin@1234 password1 password123
    """.split()  # noqa: SIM905 - a list of so many strings is hard to read
)
# The commonest of at least eight characters, the fewest that a new password may have.
_COMMON = frozenset(
    """
    00000000 01234567 0123456789 10203040 11111111 1111111111 11112222 11223344 112233445566 12121212 12341234
    12344321 12345678 123456789 1234567890 12345678910 1234567a 12345678a 123456789a 1234qwer 123123123 123321123
    123qweasd 123qwe123 13131313 147258369 14725836 159753456 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 1234abcd
    22222222 33333333 44444444 55555555 66666666 77777777 88888888 87654321 98765432 987654321 9876543210 99999999
    a1234567 a12345678 a123456789 aa123456 aa12345678 abc12345 abcd1234 abcd12345 abcdefgh abcdefghi admin123
    admin1234 administrator anhyeuem anhyeuem123 anhnhoem asdf1234 asdfasdf asdfghjk asdfghjkl baseball basketball
    bongda123 bóngđá123 changeme changeme123 chatapp1 chatchat computer conyeume conmeocon correcthorse
    default1 devilmaycry dragon123 emyeuanh emyeuanh123 facebook football football1 football123 gialinh123 giadinh123
    guest123 hanoi123 hello123 hello1234 helloworld hoilamgi iloveyou iloveyou1 iloveyou2 internet jordan23 khongbiet
    khongco1 khongcopass liverpool matkhau1 matkhau123 matkhau12 mậtkhẩu matkhaucuatoi master123 michelle motdenchin
    mothaiba motconvit minhanh123 monkey123 ngocanh123 p@ssw0rd p@ssword passw0rd passw0rd1 password password1
    password12 password123 password1234 password! pass1234 pa$$w0rd pokemon1 princess princess1 q1w2e3r4 q1w2e3r4t5
    qazwsxedc qwer1234 qwerasdf qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwe123qwe root1234 samsung1
    saigon123 secret123 starwars sunshine sunshine1 superman superman1 test1234 test12345 thanhcong toiyeuban
    toiyeuem trustno1 user1234 vietnam1 vietnam123 vietnamvodich welcome1 welcome123 whatever xinchao1 xinchao123
    yeuem123 yeuanh123 yeuthuong zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123 zxcvbnmm
    """.split()  # noqa: SIM905 - a list of so many strings is hard to read
)
_ALL = frozenset(_FIRST) | _COMMON
_SPELLINGS = (str, str.capitalize, str.upper)


def is_common(password: str) -> bool:
    """Tell whether a password is a common one, in any spelling."""
    return len(password) <= LONGEST and normal.normalize("NFKC", password).casefold() in _ALL


def opens(username: str, password: str) -> bool:
    """Tell whether a password is a common one, or the user name itself."""
    return is_common(password) or (
        max(len(username), len(password)) <= LONGEST and names.key(password) == names.key(username)
    )


def guesses(username: str) -> list[str]:
    """Return the passwords to try for a user name, likeliest first."""
    mine = (username, username.casefold()) if len(username) <= LONGEST else ()
    rest = sorted(_COMMON.difference(_FIRST))
    return list(dict.fromkeys([*mine, *_FIRST, *(spell(word) for spell in _SPELLINGS for word in (*_FIRST, *rest))]))
