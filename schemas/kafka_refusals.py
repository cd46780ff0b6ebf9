"""Why Kafka cannot be reached, in one line with the remedy: a wrong password, a certificate, a protocol.

aiokafka's exception says only that no broker was reached; the reason it logs. Owns listening to that log;
imports no client. Callers: `schemas.connections`, and all who turn a lost connection into a message.
"""

import logging
import ssl

_client_log = logging.getLogger("aiokafka")
_REMEDY = "start it, or set MILLRACE_KAFKA_BOOTSTRAP_SERVERS"
_TRUST = "set MILLRACE_KAFKA_SSL_CAFILE to the authority that signs the brokers' certificates"
_PROTOCOL = "MILLRACE_KAFKA_SECURITY_PROTOCOL={} may not be that of this port"
_CREDENTIALS = (
    "check MILLRACE_KAFKA_SASL_USERNAME, MILLRACE_KAFKA_SASL_PASSWORD and MILLRACE_KAFKA_SASL_MECHANISM"
)


class _LastReason(logging.Handler):
    """Remembers why the last connection failed, and under which protocol it was tried."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.protocol = ""

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.error = next((one for one in arguments if isinstance(one, BaseException)), self.error)


_last = _LastReason()


def listen_to_kafka_client(protocol: str) -> None:
    """Remember from now on why connections fail; what is logged where stays as it is.

    Args:
        protocol: MILLRACE_KAFKA_SECURITY_PROTOCOL, under which they are tried.
    """
    _last.protocol = protocol
    if _last not in _client_log.handlers:
        _client_log.addHandler(_last)


def show_kafka_client_log(shown: bool) -> None:
    """Whether the client's warnings are logged; a command says them as its one line."""
    _client_log.setLevel(logging.WARNING)
    _client_log.propagate = shown
    if not shown and not _client_log.handlers:
        _client_log.addHandler(_last)


def kafka_unreachable(bootstrap_servers: str) -> str:
    """What a command says where no broker answers: the address, the reason and the remedy, in one line."""
    where = f"Kafka at {bootstrap_servers} cannot be reached"
    error = _last.error
    reason = "" if error is None else " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where}: its certificate is not trusted ({error.verify_message}); {_TRUST}"
    if "Authentication" in type(error).__name__ or "Sasl" in type(error).__name__:
        return f"{where}: {reason}; {_CREDENTIALS}"
    if error is None or isinstance(error, ConnectionRefusedError) or "Connect call failed" in reason:
        return f"{where}; {_REMEDY}"
    return f"{where}: {reason}; {_PROTOCOL.format(_last.protocol)}, or {_REMEDY}"


def lacks_permission(operation: str, kind: str, name: str) -> str:
    """What a program says that Kafka refuses: what its user would have to be allowed.

    Args:
        operation: READ, WRITE or DESCRIBE.
        kind: topic or group.
        name: which one.
    """
    return (
        f"Kafka refuses this user {operation} on {kind} {name}; allow it by an ACL, or come as another one "
        "(MILLRACE_KAFKA_SASL_USERNAME, MILLRACE_KAFKA_SSL_CERTFILE)"
    )
