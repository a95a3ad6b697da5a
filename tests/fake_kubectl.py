"""A ``kubectl`` without a cluster: it records what it is asked, and plays the Jobs it is sent as processes here.

What it checks by that: the commands, environment and secrets of the manifests work together as they stand. Paths of the
pods lead into its own folder, the name of a Service to loopback.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
STATE = Path(os.environ["FAKE_KUBECTL_STATE"])


def here(text):
    """A word of a pod as it is on this machine."""
    for document in objects("Service"):
        text = text.replace(document["metadata"]["name"], "127.0.0.1") if not text.startswith("/") else text
    for there, path in (("/app/reports", STATE / "reports"), ("/etc/acgs-load", STATE / "config")):
        text = text.replace(there, str(path))
    return text


def objects(kind):
    return [yaml.safe_load(path.read_text()) for path in sorted(STATE.glob(f"objects/{kind}-*.yaml"))]


def keep(document):
    kind, name = document["kind"], document["metadata"]["name"]
    (STATE / "objects" / f"{kind}-{name}.yaml").write_text(yaml.safe_dump(document))
    if kind == "ConfigMap":
        for file, content in document["data"].items():
            (STATE / "config" / file).write_text(content)


def environment(container, labels):
    result = {name: value for name, value in os.environ.items() if not name.startswith(("ACGS_", "LOCUST_"))}
    for source in container.get("envFrom", []):
        secret = next(s for s in objects("Secret") if s["metadata"]["name"] == source["secretRef"]["name"])
        result |= secret["stringData"]
    for variable in container["env"]:
        path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        result[variable["name"]] = variable["value"] if "value" in variable else labels[path.split("'")[1]]
    return result


def play(job):
    template = job["spec"]["template"]
    container, labels = template["spec"]["containers"][0], template["metadata"]["labels"]
    words = [sys.executable if word == "python" else here(word) for word in container["command"]]
    for index in range(job["spec"].get("completions", 1)):
        pod = STATE / "pods" / f"{job['metadata']['name']}-{index}"
        pod.mkdir(parents=True)
        (pod / "labels.json").write_text(json.dumps(labels))
        script = f'"$@" > {pod}/log 2>&1 & echo $! > {pod}/pid; wait $!; echo $? > {pod}/status'
        subprocess.Popen(
            ["sh", "-c", script, "sh", *words],
            cwd=PROJECT,
            env=environment(container, labels),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def chosen(argv):
    wanted = dict(pair.split("=") for pair in argv[argv.index("-l") + 1].split(","))
    pods = sorted((STATE / "pods").glob("*"))
    return [pod for pod in pods if wanted.items() <= json.loads((pod / "labels.json").read_text()).items()]


def status(pod):
    ended = (pod / "status").read_text().strip() if (pod / "status").exists() else ""
    state = {"terminated": {"exitCode": int(ended)}} if ended else {"running": {}}
    return {"metadata": {"name": pod.name}, "status": {"containerStatuses": [{"state": state}]}}


def follow(name):
    pod, shown = STATE / "pods" / f"{name}-0", 0
    while True:
        over = (pod / "status").exists()
        text = (pod / "log").read_text()
        sys.stdout.write(text[shown:])
        sys.stdout.flush()
        shown = len(text)
        if over:
            return
        time.sleep(0.1)


def send(_rest):
    documents = list(yaml.safe_load_all(sys.stdin))
    for document in documents:
        keep(document)
    for document in documents:
        if document["kind"] == "Job":
            play(document)
    return 0


def get(rest):
    print(json.dumps({"items": [status(pod) for pod in chosen(rest)]}))
    return 0


def logs(rest):
    if "--follow" in rest:
        follow(rest[-1].removeprefix("job/"))
        return 0
    for pod in chosen(rest):
        print(f"[pod/{pod.name}/worker]", (pod / "log").read_text())
    return 0


def execute(rest):
    if rest[-1] == "kill -TERM 1":
        pod = STATE / "pods" / f"{rest[1].removeprefix('job/')}-0"
        os.kill(int((pod / "pid").read_text()), signal.SIGTERM)
        return 0
    return subprocess.run([here(word) for word in rest[rest.index("--") + 1 :]], check=False).returncode


def delete(_rest):
    for pod in (STATE / "pods").glob("*"):
        if not (pod / "status").exists():
            os.kill(int((pod / "pid").read_text()), signal.SIGKILL)
    return 0


VERBS = {"create": send, "apply": send, "get": get, "logs": logs, "exec": execute, "delete": delete}


def main(argv):
    for folder in ("objects", "config", "reports", "pods"):
        (STATE / folder).mkdir(exist_ok=True)
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps(argv) + "\n")
    rest = [word for number, word in enumerate(argv) if not {"--namespace", "--context"} & {word, argv[number - 1]}]
    return VERBS.get(rest[0], lambda _rest: 0)(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
