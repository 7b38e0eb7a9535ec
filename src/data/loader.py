"""Fetches the published database. Standard library only; written by `tidegate pull --emit python`.

    path, version = data_loader.load(st.secrets)
"""
import contextlib, hashlib, json, os, pathlib, re, time
from urllib import parse, request
with contextlib.suppress(ImportError):  # Windows: two at once fetch the same, and both end well
    import fcntl


class SameServer(request.HTTPRedirectHandler):
    redirect_request = lambda *_: None  # the signature is for nobody else


def get(url, path):  # opens a file of the container, whose copy the URL may name
    parts = parse.urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ValueError("the URL of the data has to begin with https://")
    base = re.sub(r"(?i)/[^/]+\.(duckdb|ddb|db|sqlite3?)$", "", parts.path.rstrip("/"))
    full = parts._replace(path=f"{base}/{path}", fragment="").geturl()
    proxy = [request.ProxyHandler({})] if local else []
    return request.build_opener(SameServer, *proxy).open(full, timeout=20)  # seconds of silence


def fetch(url, folder, stem):
    """Returns the file of the served version, which is whole and on the disk."""
    with get(url, "latest.json") as answer:
        latest = json.loads(answer.read(1 << 22))
    digest, size = latest["sha256"], latest["size"]
    name = re.fullmatch(r"versions/([0-9a-f]{64})(\.(?!json$)[0-9A-Za-z]{1,16})", latest["path"])
    if latest["format"] != 1 or not name or name[1] != digest:
        raise ValueError("latest.json is not one that this loader knows")
    target = folder / f"{stem}-{digest[:12]}{name[2]}"
    if target.exists() and target.stat().st_size == size:
        os.utime(target)  # the newest file is the served version, also after a way back
        return target
    part, found, done = folder / f".{stem}.part", hashlib.sha256(), 0
    try:
        part.unlink(missing_ok=True)  # what a run that was killed has left
        with open(part, "xb") as file, get(url, latest["path"]) as answer:
            while done <= size and (piece := answer.read(1 << 20)):
                found.update(piece)
                done += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if done != size or found.hexdigest() != digest:
            raise ValueError("the file is not what latest.json says")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def load(secrets=None, folder="data", stem="analytics", key="AZURE_ANALYTICS_URL", waits=(1, 2, 0)):
    """Returns path and version of the served data, or of that from before where it cannot be had.
    `secrets`: the signed URL, or what holds it under `key`, like st.secrets; else os.environ."""
    url = secrets if isinstance(secrets, str) else (os.environ if secrets is None else secrets)[key]
    (folder := pathlib.Path(folder)).mkdir(parents=True, exist_ok=True)
    with open(folder / f".{stem}.lock", "w") as lock:
        if "fcntl" in globals():
            fcntl.flock(lock, fcntl.LOCK_EX)  # one fetches, the others wait and find it done
        for wait in waits:
            try:
                why = fetch(url.strip(), folder, stem) and None
                break
            except Exception as error:  # its text may hold the URL, which is a secret
                why = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
            time.sleep(0 if why.endswith(("401", "403")) else wait)
        name = re.compile(re.escape(stem) + r"-[0-9a-f]{12}\.(?!wal$)[0-9A-Za-z]+")
        here = [file for file in folder.iterdir() if name.fullmatch(file.name)]
        here.sort(key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for old in here[2:]:
            with contextlib.suppress(OSError):  # Windows: somebody still reads it
                old.unlink()
    if not here:
        raise RuntimeError(f"there is no data: {why}")
    if why:
        print(f"the newest data cannot be had: {why}")
    return str(here[0]), here[0].stem.rpartition("-")[2]
