import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a certificate and its key lie, as a relay wants them. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** The certificate's text: it is signed by itself, so that who trusts this trusts it. */
  readonly pem: string;
}

/** Makes a certificate for 127.0.0.1 in `folder`. `openssl`: from `requireTool`. A second one of the same name replaces the first. */
export function makeCertificate(openssl: string, folder: string, name: string): CertificateFiles {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  execFileSync(openssl, ["req", "-x509", ...options, ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" });
  return { cert, key, pem: readFileSync(cert, "utf8") };
}
