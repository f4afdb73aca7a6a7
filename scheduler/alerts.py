"""Alerts: one message for each problem (runs keep failing, figures are stale, ...), and one when it is resolved.

An incident is stored in the history, so a restart neither repeats nor drops it. A message that could not be sent is
retried at the next check. Besides problems there are notices, which are sent once: an exhausted budget, for example.
"""

import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, NamedTuple

import requests
import structlog

from common.settings import Settings
from scheduler.history import History

log = structlog.get_logger()

Sender = Callable[[str, str], None]
"""Sends a subject and a text; raises on failure."""
Watch = Callable[[], str | None]
"""Returns a problem in one line that says what to do, or None."""


class Notice(NamedTuple):
    """A message to send once: the keys that identify it, and its line; without a line only the keys are stored."""

    keys: tuple[str, ...]
    text: str | None
    needs: str | None = None
    """The notice is sent only if this key is stored; otherwise its keys are stored silently."""


_INCIDENT = "incident"
_TIMEOUT_SECONDS = 15


class Alerts:
    """Watches the history and sends alerts. Without a webhook or an address it only records them."""

    def __init__(self, history: History, settings: Settings, senders: dict[str, Sender] | None = None) -> None:
        self.history, self.settings = history, settings
        self.senders = configured_senders(settings) if senders is None else senders
        self.watches: dict[str, Watch] = {"failing": self._failing, "stale": self._stale}
        """The checks by name; callers may add theirs."""
        self.notices: list[Callable[[], list[Notice]]] = []
        """The sources of notices; callers may add theirs."""

    def check(self) -> None:
        """Run every check: open an incident, send its new problems, or close it.

        A problem that joins an open incident is sent as well: a misspelt setting must not hide failing runs.
        """
        self._tell_notices()
        incident = self.history.get_state(_INCIDENT)
        problems = {name: problem for name, look in self.watches.items() if (problem := look())}
        if problems:
            self._remember(incident, problems)
        elif incident:
            told = not incident["sent"] or self._send("claude-analytics has recovered", self._recovery(incident))
            if told:  # if the incident was not sent, its end need not be sent
                self.history.set_state(_INCIDENT, None)

    def _tell_notices(self) -> None:
        """Send the notices that were not sent yet, in one message.

        Their keys are stored before sending: neither a killed process nor two concurrent ones send a notice twice. If
        sending fails, the keys are removed.
        """
        texts, fresh = list[str](), list[str]()
        for notice in (notice for look in self.notices for notice in look()):
            told = notice.text is not None and (notice.needs is None or self.history.is_remembered(notice.needs))
            new = self.history.remember(notice.keys)
            if new and told and notice.text:
                texts.append(notice.text)
                fresh += new
        if texts and not self._send("claude-analytics: budgets", "\n".join(texts)):
            self.history.forget(fresh)

    def _remember(self, incident: dict[str, Any] | None, problems: dict[str, str]) -> None:
        """Send the problems that were not sent yet, and store their current wording."""
        told = _told(incident, problems)
        untold = [problem for name, problem in problems.items() if name not in told]
        if untold and self._send("claude-analytics needs attention", "\n".join(untold)):
            told = set(problems)
        since = incident["since"] if incident else datetime.now(UTC).isoformat()
        state = {"since": since, "message": next(iter(problems.values())), "problems": list(problems.values())}
        sent = bool(told) or bool(incident and incident["sent"])
        self.history.set_state(_INCIDENT, state | {"sent": sent, "told": sorted(told)})

    def incident(self) -> dict[str, Any] | None:
        """Return the open incident: since, message (the first problem), problems (a line each), sent."""
        return read_incident(self.history)

    def test(self) -> dict[str, str | None]:
        """Send a test message by every channel; return None or the error by channel."""
        subject, text = "claude-analytics test message", "This is a test: alerts from this scheduler reach you."
        return {name: _try(sender, subject, text) for name, sender in self.senders.items()}

    def tell(self, subject: str, text: str) -> bool:
        """Send a message that is not an incident; return whether it was sent, or no channel is configured."""
        return self._send(subject, text)

    def _failing(self) -> str | None:
        wanted = self.settings.alert_after_failures
        ended = self.history.query(_DECIDED, (wanted,))
        if len(ended) < wanted or any(run["status"] != "failed" for run in ended):
            return None
        times = "run" if wanted == 1 else f"{wanted} runs"
        return f"The last {times} of the pipeline failed. Run {ended[0]['id']}: {ended[0]['message']}"

    def _stale(self) -> str | None:
        """Return the problem of stale figures; their age counts only since the scheduler's first run."""
        first = self.history.query("select min(started_at) as moment from runs where kind = 'pipeline'")[0]["moment"]
        if first is None:
            return None
        good = self.history.last("succeeded", "unchanged")
        since = good.started_at if good else datetime.fromisoformat(first)
        age = datetime.now(UTC) - since
        if age < timedelta(hours=self.settings.alert_stale_hours):
            return None
        hours, day = age / timedelta(hours=1), f"{since:%Y-%m-%d %H:%M} UTC"
        return f"No run of the pipeline has succeeded for {hours:.0f} hours (since {day})."

    def _recovery(self, incident: dict[str, Any]) -> str:
        what = f"The incident since {incident['since'][:16]} UTC is resolved: {incident['message']}"
        return f"The pipeline has recovered. {what}"

    def _send(self, subject: str, text: str) -> bool:
        """Return whether at least one channel worked, or none is configured."""
        results = [_try(sender, subject, text) for sender in self.senders.values()]
        return not results or any(error is None for error in results)


_DECIDED = """
select id, status, message from runs
where kind = 'pipeline' and status in ('succeeded', 'unchanged', 'failed')
order by id desc limit ?
"""


def read_incident(history: History) -> dict[str, Any] | None:
    """Return the open incident as `Alerts.incident` does, for callers that watch nothing themselves."""
    incident: dict[str, Any] | None = history.get_state(_INCIDENT)
    return {"problems": [incident["message"]]} | incident if incident else None


def _told(incident: dict[str, Any] | None, problems: dict[str, str]) -> set[str]:
    """Return the names of current problems that were sent; an earlier version stored no names, and sent one problem."""
    if incident is None:
        return set()
    return set(incident.get("told", problems if incident["sent"] else ())) & set(problems)


def configured_senders(settings: Settings) -> dict[str, Sender]:
    """Return the configured channels: webhook, e-mail."""
    senders: dict[str, Sender] = {}
    if settings.alert_webhook_url:
        senders["webhook"] = _Webhook(settings.alert_webhook_url.get_secret_value())
    if settings.alert_email_to and settings.smtp_host:
        senders["e-mail"] = _Email(settings)
    return senders


class _Webhook:
    """Slack's incoming-webhook format, which Mattermost, Teams connectors and others accept as well."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, subject: str, text: str) -> None:
        requests.post(self._url, json={"text": f"*{subject}*\n{text}"}, timeout=_TIMEOUT_SECONDS).raise_for_status()


class _Email:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, subject: str, text: str) -> None:
        settings, message = self._settings, EmailMessage()
        message["Subject"], message["From"], message["To"] = subject, settings.alert_email_from, settings.alert_email_to
        message.set_content(text)
        with self._connect() as connection:
            if settings.smtp_security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if settings.smtp_user and settings.smtp_password:
                connection.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            connection.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        """Connect with a TLS context: without one, smtplib verifies no certificate."""
        host, port = self._settings.smtp_host or "", self._settings.smtp_port
        if self._settings.smtp_security != "tls":
            return smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context())


def _try(sender: Sender, subject: str, text: str) -> str | None:
    try:
        sender(subject, text)
    except (OSError, ValueError, smtplib.SMTPException) as error:  # requests' errors are OSErrors
        # a webhook's URL is a secret, so only the kind of error is reported
        reason = f"HTTP {error.response.status_code}" if isinstance(error, requests.HTTPError) else type(error).__name__
        log.warning("alert.not_sent", reason=reason)
        return reason
    return None
