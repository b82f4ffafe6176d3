"""The routes of the fake Airflow, with the filters, pages and refusals of the real one."""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from dagster_airlift_core.testing._server import Query, Received, Reply, Server
from dagster_airlift_core.testing._world import Row, World

_TASK_STATES = frozenset(
    {
        *("removed", "scheduled", "queued", "running", "success", "restarting", "failed", "up_for_retry"),
        *("up_for_reschedule", "upstream_failed", "skipped", "deferred", "awaiting_input", "none"),
    }
)
_RUN_STATES = frozenset(["queued", "running", "success", "failed"])
_PAST = datetime(2000, 1, 1, tzinfo=UTC)


class FakeAirflow(World):
    """Airflow's REST API v2 in a thread, on a free port of the loopback interface; a context manager.

    It knows what our client asks: token, version, DAGs, tasks, DAG runs and task instances, with the
    filters, the keyset pages and the silent page cap of the real one. Its clock stands still until moved.

    Args:
        users: Username to password.
        page_cap: `[api] maximum_page_limit`.
        version: Version that it says it is.
        now: Where its clock stands, in UTC.
        token_life: How long its tokens are good for.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        page_cap: int = 100,
        version: str = "3.3.2",
        now: datetime = datetime(2026, 1, 15, 12, tzinfo=UTC),
        token_life: timedelta = timedelta(days=1),
    ) -> None:
        super().__init__(now)
        self.users = dict(users or {"viewer": "viewer"})
        self.page_cap = page_cap
        self.version = version
        self.token_life = token_life
        self.requests: list[Received] = []
        self._tokens: dict[str, datetime] = {}
        self._scripted: list[tuple[str, Reply]] = []
        self._server = Server(self.answer, lambda: self.now)

    @property
    def url(self) -> str:
        """URL of the web server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close every connection."""
        self._server.shutdown()
        self._server.server_close()

    def reply(self, *replies: Reply, path: str = "") -> None:
        """Answer the next requests whose path matches a regular expression with these replies, in turn."""
        self._scripted.extend((path, reply) for reply in replies)

    def revoke_tokens(self) -> None:
        """Make every token invalid that was given out."""
        self._tokens.clear()

    def answer(self, request: Received, authorization: str, body: bytes) -> Reply:
        """Return what Airflow would answer.

        Args:
            request: The request.
            authorization: Its `Authorization` header, or nothing.
            body: Its body.
        """
        self.requests.append(request)
        for script in self._scripted:
            if re.search(script[0], request.path):
                self._scripted.remove(script)
                return script[1]
        if (request.method, request.path) == ("POST", "/auth/token"):
            return self._login(body)
        if request.path == "/api/v2/version":
            return Reply(200, {"version": self.version, "git_version": None})
        refusal = self._refusal(authorization)
        if refusal:
            return refusal
        for pattern, route in self._ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and request.method == "GET":
                return route(self, [unquote(part) for part in match.groups()], request.query)
        return Reply(404, {"detail": "Not Found"})

    def _login(self, body: bytes) -> Reply:
        given = json.loads(body)
        if self.users.get(given["username"]) != given["password"]:
            return Reply(401, {"detail": "Invalid credentials"})
        end = self.now + self.token_life
        claims = {"iat": self.now.timestamp(), "exp": end.timestamp(), "jti": len(self.requests)}
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
        ]
        token = ".".join([*parts, "signature"])
        self._tokens[token] = end
        return Reply(201, {"access_token": token})

    def _refusal(self, authorization: str) -> Reply | None:
        if not authorization:
            return Reply(401, {"detail": "Not authenticated"})
        end = self._tokens.get(authorization.removeprefix("Bearer "))
        if end is None:
            return Reply(403, {"detail": "Invalid JWT token"})
        return Reply(401, {"detail": "Token Expired"}) if end <= self.now else None

    def _list_dags(self, _: list[str], query: Query) -> Reply:
        dags = [self.dags[dag_id] for dag_id in sorted(self.dags) if _is_wanted(self.dags[dag_id], query)]
        return self._offset_page("dags", dags, query)

    def _list_assets(self, _: list[str], query: Query) -> Reply:
        (pattern,) = query.get("uri_pattern", [""])
        return self._offset_page(
            "assets", [one for one in self.assets.values() if _is_like(pattern, one["uri"])], query
        )

    def _list_import_errors(self, _: list[str], query: Query) -> Reply:
        return self._offset_page("import_errors", self.import_errors, query)

    def _source(self, ids: list[str], _: Query) -> Reply:
        if ids[0] not in self.sources:
            return Reply(404, {"detail": f"The source code of the Dag {ids[0]} was not found"})
        return Reply(200, {"content": self.sources[ids[0]], "version_number": 1})

    def _offset_page(self, name: str, rows: Sequence[Mapping[str, Any]], query: Query) -> Reply:
        offset = int(query.get("offset", ["0"])[0])
        return Reply(200, {name: rows[offset:][: self._limit(query)], "total_entries": len(rows)})

    def _list_tasks(self, ids: list[str], _: Query) -> Reply:
        tasks = self.tasks.get(ids[0])
        if tasks is None:
            return Reply(404, {"detail": f"Dag with id {ids[0]} was not found"})
        return Reply(200, {"tasks": list(tasks.values()), "total_entries": len(tasks)})

    def _list_runs(self, ids: list[str], query: Query) -> Reply:
        rows = [row for (dag_id, _), row in self.runs.items() if ids[0] in ("~", dag_id)]
        return self._page("dag_runs", rows, query, _RUN_STATES, lambda row: f"{row.number:08d}")

    def _list_task_instances(self, ids: list[str], query: Query) -> Reply:
        dag_id, run_id = ids
        if run_id != "~" and (dag_id, run_id) not in self.runs:
            return Reply(404, {"detail": f"DagRun with run ID: {run_id} not found"})
        wanted = query.get("task_id")
        rows = [
            row
            for key, row in list(self.task_instances.items())
            if dag_id in ("~", key[0]) and run_id in ("~", key[1]) and (not wanted or key[2] in wanted)
        ]
        return self._page("task_instances", rows, query, _TASK_STATES, lambda row: str(row.payload["id"]))

    def _page(
        self, name: str, rows: list[Row], query: Query, states: frozenset[str], key: Callable[[Row], str]
    ) -> Reply:
        if not states.issuperset(query.get("state", ())):
            return Reply(422, {"detail": [{"loc": ["query", "state"], "msg": "Invalid value", "input": "x"}]})
        if query.get("order_by", ["id"]) != ["id"]:
            return Reply(
                400, {"detail": "Ordering with this value is disallowed or the attribute does not exist"}
            )
        try:
            last = _decoded(query["cursor"][0])
        except ValueError:
            return Reply(400, {"detail": "Invalid cursor token"})
        found = sorted((row for row in rows if _matches(row, query) and key(row) > last), key=key)
        page = found[: self._limit(query)]
        more = len(found) > len(page) and page
        token = base64.urlsafe_b64encode(key(page[-1]).encode()).decode() if more else None
        return Reply(200, {name: [row.payload for row in page], "next_cursor": token})

    def _limit(self, query: Query) -> int:
        return min(int(query.get("limit", ["50"])[0]), self.page_cap)

    _ROUTES: ClassVar[list[tuple[str, Callable[[FakeAirflow, list[str], Query], Reply]]]] = [
        (r"/api/v2/dags", _list_dags),
        (r"/api/v2/assets", _list_assets),
        (r"/api/v2/importErrors", _list_import_errors),
        (r"/api/v2/dagSources/([^/]+)", _source),
        (r"/api/v2/dags/([^/]+)/tasks", _list_tasks),
        (r"/api/v2/dags/([^/]+)/dagRuns", _list_runs),
        (r"/api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances", _list_task_instances),
    ]


def _is_wanted(dag: Mapping[str, Any], query: Query) -> bool:
    tags = {tag["name"] for tag in dag["tags"]}
    owners = ", ".join(dag["owners"])
    (pattern,) = query.get("dag_id_pattern", ["%"])
    (paused,) = query.get("paused", [str(dag["is_paused"]).lower()])
    return (
        _is_like(pattern, str(dag["dag_id"]))
        and ("tags" not in query or bool(tags & set(query["tags"])))
        and ("owners" not in query or any(owner in owners for owner in query["owners"]))
        and paused == str(dag["is_paused"]).lower()
        and (not dag["is_stale"] or query.get("exclude_stale") == ["false"])
    )


def _is_like(pattern: str, text: str) -> bool:
    """Match as SQL does: `%` for any characters, `_` for one."""
    expression = re.escape(pattern).replace("%", ".*").replace("_", ".")
    return re.search(expression, text, re.IGNORECASE | re.DOTALL) is not None


def _matches(row: Row, query: Query) -> bool:
    state = row.payload["state"] or "none"
    since = _instant(query.get("updated_at_gte"))
    due = _instant(query.get("run_after_gte"))
    return (
        ("state" not in query or state in query["state"])
        and row.updated_at >= since
        and datetime.fromisoformat(row.payload["run_after"]) >= due
    )


def _instant(values: list[str] | None) -> datetime:
    return datetime.fromisoformat(values[0]) if values else _PAST


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(token) from error
