"""Mutants of calls to addresses of payloads: S7 (what is reached), S8 (what it may cost), S14 (secrets)."""

from tests.support.mutants.mutant import Mutant

GUARDED = "worker_service/guarded_http"
HANDLER = "worker_service/handlers/http_call"
UNIT = "tests/unit/worker"
NETWORK = f"{UNIT}/test_http_call_network.py"
ADDRESSES = f"{UNIT}/test_http_call_addresses.py"
SECRETS = f"{UNIT}/test_secrets.py"
FILLING = f"{UNIT}/test_http_call_filling.py"
CALLS = "tests/integration/worker_service/test_http_call.py"
HOSTILE = "tests/integration/worker_service/test_hostile_servers.py"
KEPT = "tests/integration/worker_service/test_kept_secrets.py"
A_CALL = f"{NETWORK}::test_an_address_that_is_down_gives_way_to_the_next"
A_REAL_CALL = f"{CALLS}::test_what_is_sent"

MUTANTS = (
    Mutant(
        "S7",
        "the connection goes to the address that was checked",
        f"{GUARDED}/network.py",
        "                    address, port, limit, local_address, socket_options\n",
        "                    host, port, limit, local_address, socket_options\n",
        (f"{NETWORK}::test_the_connection_goes_to_the_address_that_was_checked",),
        f"{NETWORK}::test_a_name_without_address_is_tried_again_later",
    ),
    Mutant(
        "S7",
        "every address of a name is checked",
        f"{GUARDED}/network.py",
        "        self._guard.check(host, addresses)\n",
        "        self._guard.check(host, addresses[:1])\n",
        (
            f"{NETWORK}::test_a_name_of_a_good_and_a_bad_address_is_refused",
            f"{NETWORK}::test_a_bad_address_behind_many_good_ones_is_seen",
        ),
        A_CALL,
    ),
    Mutant(
        "S7",
        "a redirect is checked as the first call is",
        f"{GUARDED}/network.py",
        "        self._guard.check_target(host, port)\n",
        "        if self._inner.__dict__.setdefault('seen', []):\n"
        "            return await self._inner.connect_tcp(host, port)\n"
        "        self._inner.__dict__['seen'].append(host)\n"
        "        self._guard.check_target(host, port)\n",
        (
            f"{NETWORK}::test_a_redirect_to_a_private_address_is_refused",
            f"{NETWORK}::test_a_name_that_moves_between_two_hops_is_looked_at_again",
        ),
        A_CALL,
    ),
    Mutant(
        "S7",
        "only allowed ports are called",
        f"{GUARDED}/addresses.py",
        "        if not any(port in allowed for allowed in self._ports):\n",
        "        if False:\n",
        (f"{ADDRESSES}::test_only_allowed_ports_are_called[None-allowed0-refused0]",),
        A_CALL,
    ),
    Mutant(
        "S7",
        "a number in an odd form is no host",
        f"{GUARDED}/names.py",
        "    if _NUMBER.fullmatch(labels[-1]):\n",
        "    if False:\n",
        (f"{ADDRESSES}::test_a_number_in_an_odd_form_is_refused_whatever_it_stands_for",),
        A_CALL,
    ),
    Mutant(
        "S7",
        "NAT64 is judged by what it reaches",
        f"{GUARDED}/addresses.py",
        " if address in _NAT64 else address",
        " if False else address",
        (f"{ADDRESSES}::test_an_ipv4_address_inside_ipv6_is_judged_by_what_it_reaches",),
        A_CALL,
    ),
    Mutant(
        "S7",
        "what is not given out for global use is refused",
        f"{GUARDED}/addresses.py",
        "        if isinstance(reached, IPv6Address) and reached not in _GLOBAL_IPV6:\n",
        "        if False:\n",
        (f"{ADDRESSES}::test_what_was_given_out_to_nobody_is_refused",),
        A_CALL,
    ),
    Mutant(
        "S7",
        "an IPv4-mapped address is judged by what it reaches",
        f"{GUARDED}/addresses.py",
        "    if address.ipv4_mapped is not None:\n",
        "    if False:\n",
        (f"{ADDRESSES}::test_an_ipv4_address_inside_ipv6_is_judged_by_what_it_reaches",),
        A_CALL,
    ),
    Mutant(
        "S7",
        "a tunnel of ISATAP is refused",
        f"{GUARDED}/addresses.py",
        "(int(reached) >> 32) & 0xFFFF_FFFF in _ISATAP",
        "(int(reached) >> 32) & 0xFFFF_FFFF in ()",
        (f"{ADDRESSES}::test_a_tunnel_is_refused_whatever_it_carries",),
        A_CALL,
    ),
    Mutant(
        "S7",
        "a redirect to another origin gets no header of the payload",
        f"{HANDLER}/sending.py",
        "            after.headers.pop(name, None)\n",
        "            pass\n",
        (f"{CALLS}::test_a_redirect_to_another_origin_gets_no_header_of_the_payload",),
        A_REAL_CALL,
    ),
    Mutant(
        "S7",
        "a redirect from TLS to plain is not followed",
        f"{HANDLER}/sending.py",
        'if before.url.scheme == "https" and after.url.scheme == "http":',
        "if False:",
        (f"{CALLS}::test_a_redirect_from_tls_to_plain_is_not_followed",),
        A_REAL_CALL,
    ),
    Mutant(
        "S8",
        "headers in sum are bounded",
        f"{GUARDED}/metered.py",
        "        left = most - self._read\n",
        "        left = most if self._in_head else most - self._read\n",
        (f"{HOSTILE}::test_an_answer_that_is_too_large_is_given_up[interim answers without end]",),
        f"{HOSTILE}::test_more_than_its_length_is_not_read_as_an_answer",
    ),
    Mutant(
        "S8",
        "a body in sum is bounded",
        f"{GUARDED}/metered.py",
        "        left = most - self._read\n",
        "        left = most - self._read if self._in_head else most\n",
        (
            f"{HOSTILE}::test_an_answer_that_is_too_large_is_given_up[empty gzip without end]",
            f"{HOSTILE}::test_an_answer_that_is_too_large_is_given_up[chunk extensions without end]",
        ),
        f"{HOSTILE}::test_more_than_its_length_is_not_read_as_an_answer",
    ),
    Mutant(
        "S8",
        "what gzip unpacks to is bounded",
        f"{GUARDED}/unpacking.py",
        "self._packed.decompress(data, most)",
        "self._packed.decompress(data)",
        (f"{UNIT}/test_unpacking.py::test_no_more_is_made_than_is_asked_for[gzip]",),
        f"{UNIT}/test_unpacking.py::test_a_body_comes_out_as_it_went_in[1-gzip]",
    ),
    Mutant(
        "S14",
        "a name of a secret leads nowhere else",
        f"{GUARDED}/secrets.py",
        "        if not _NAME.fullmatch(name) or name.endswith(HOSTS):\n",
        "        if False:\n",
        (
            f"{SECRETS}::test_a_name_leads_nowhere_else[../outside]",
            f"{SECRETS}::test_a_name_leads_nowhere_else[shop-token.hosts]",
        ),
        f"{SECRETS}::test_a_secret_is_a_file_without_its_last_line_end",
    ),
    Mutant(
        "S14",
        "a secret goes only to the hosts of its file",
        f"{GUARDED}/secrets.py",
        "if hosts is not None and not any(",
        "if False and not any(",
        (
            f"{SECRETS}::test_a_secret_goes_only_to_the_hosts_of_its_file[shop.example-evil.example-False]",
        ),
        f"{SECRETS}::test_a_secret_is_a_file_without_its_last_line_end",
    ),
    Mutant(
        "S14",
        "secrets are blacked out of results",
        f"{GUARDED}/redaction.py",
        "            data = data.replace(form, masked)\n",
        "            pass\n",
        (f"{KEPT}::test_an_echo_is_kept_without_the_secret[binary]",),
        f"{SECRETS}::test_the_longer_of_two_secrets_is_found_first",
    ),
    Mutant(
        "S14",
        "secrets are blacked out of what JSON decodes to",
        f"{GUARDED}/answers.py",
        "value = redactor.value(json.loads(text))",
        "value = json.loads(text)",
        (f"{KEPT}::test_an_echo_is_kept_without_the_secret[escaped JSON]",),
        f"{SECRETS}::test_the_longer_of_two_secrets_is_found_first",
    ),
    Mutant(
        "S14",
        "secrets are blacked out of errors",
        f"{HANDLER}/__init__.py",
        "text = redactor.text(str(problem))",
        "text = str(problem)",
        (f"{KEPT}::test_an_error_of_the_client_does_not_show_the_secret",),
        A_REAL_CALL,
    ),
    Mutant(
        "S14",
        "of a secret that was cut in two nothing is kept",
        f"{GUARDED}/redaction.py",
        "        return data[: len(data) - self._begun_at_the_end(data)] if cut else data\n",
        "        return data\n",
        (
            f"{SECRETS}::test_a_secret_cut_in_two_leaves_nothing_of_it",
            f"{KEPT}::test_a_secret_at_the_cut_is_not_kept_in_part",
        ),
        A_REAL_CALL,
    ),
    Mutant(
        "S14",
        "a body that cannot be read is not kept where it may hold a secret",
        f"{GUARDED}/answers.py",
        "    if redactor and not body.plain:\n",
        "    if False:\n",
        (f"{KEPT}::test_an_echo_is_kept_without_the_secret[brotli]",),
        A_REAL_CALL,
    ),
    Mutant(
        "S14",
        "a redirect to another origin gets no header with a secret",
        f"{HANDLER}/sending.py",
        " or has_secret(value)]",
        "]",
        (f"{KEPT}::test_another_origin_gets_no_secret",),
        A_REAL_CALL,
    ),
    Mutant(
        "S14",
        "a redirect to another origin gets no body with a secret",
        f"{HANDLER}/sending.py",
        "if has_secret(payload.body) and after.method == before.method:",
        "if False:",
        (f"{KEPT}::test_a_body_with_a_secret_stays_with_its_host",),
        A_REAL_CALL,
    ),
    Mutant(
        "S14",
        "what is filled in makes no header of its own",
        f"{HANDLER}/sending.py",
        " or not re.fullmatch(VALUE, value):",
        ":",
        (f"{FILLING}::test_a_secret_that_is_no_header_is_not_sent",),
        A_REAL_CALL,
    ),
)
