// Packages of Debian.
import { find, run } from "../command.mjs";

/** Whether packages can be installed here: on Debian, as root. */
export const hasApt = () => find("apt-get") !== null && process.getuid() === 0;

/** Installs packages. @throws {Failure} if one cannot be installed. */
export async function aptInstall(...packages) {
  await run("apt-get", ["update", "-qq"]);
  await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env: { DEBIAN_FRONTEND: "noninteractive" } });
}
