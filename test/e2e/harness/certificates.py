"""Certificates of one test run, made with openssl: no key is ever part of the repository."""
import os
import subprocess


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stdout}"


class Authority:
    """A certificate authority in a directory of its own; .ca is its certificate."""

    def __init__(self, directory, name="ca"):
        self.directory = os.path.join(directory, name)
        os.mkdir(self.directory, 0o755)
        self.ca = os.path.join(self.directory, "ca.crt")
        self._issued = 0
        self._key = os.path.join(self.directory, "ca.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN=outbox test {name}", "-keyout", self._key, "-out", self.ca)

    def issue(self, name, hosts=(), days=2, password=None):
        """(certificate, key): paths of PEM files; days < 0: expired.  A host is DNS:x or IP:x."""
        self._issued += 1
        base = os.path.join(self.directory, f"{name}-{self._issued}")
        request, extensions = base + ".csr", base + ".ext"
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", base + ".plain", "-out", request)
        with open(extensions, "w", encoding="ascii") as file:
            file.write("basicConstraints = CA:FALSE\n")
            if hosts:
                file.write("subjectAltName = " + ", ".join(hosts) + "\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial",
                 "-days", str(days), "-extfile", extensions, "-out", base + ".crt")
        # As Java's PEM stores want it.
        protect = ["-nocrypt"] if password is None else ["-v2", "aes256", "-passout", f"pass:{password}"]
        _openssl("pkcs8", "-topk8", "-in", base + ".plain", "-out", base + ".key", *protect)
        os.chmod(base + ".key", 0o600)
        return base + ".crt", base + ".key"

    def store(self, name, **how):
        """Key and certificate in one file."""
        certificate, key = self.issue(name, **how)
        path = certificate[:-4] + ".pem"
        with open(path, "w", encoding="ascii") as out:
            for part in (key, certificate):
                with open(part, encoding="ascii") as file:
                    out.write(file.read())
        os.chmod(path, 0o600)
        return path
