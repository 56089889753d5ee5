//! Files that only this user reads and writes: in a folder that others share, what they put there is not taken for ours.

use std::{fs::File, io, path::Path};

use crate::failure::at;

/// Opens a file for reading and writing, and creates it if it is not there. Follows no link.
///
/// # Errors
///
/// What is there and is not a file of this user alone, with this one name.
#[cfg(unix)]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use std::{
        fs::{OpenOptions, Permissions},
        os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    };

    use rustix::{fs::OFlags, process::geteuid};

    let failed = at(path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(PRIVATE);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created.map_err(failed),
    }
    // Without NONBLOCK, a FIFO would wait for its other end.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = options.custom_flags(flags.cast_signed()).open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() || found.uid() != geteuid().as_raw() || found.nlink() != 1 {
        return Err(failed(io::Error::other("it is not a file of this user alone: remove it")));
    }
    file.set_permissions(Permissions::from_mode(PRIVATE)).map_err(failed)?;
    Ok(file)
}

/// Opens a file for reading and writing, and creates it if it is not there.
#[cfg(not(unix))]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(at(path))
}

#[cfg(unix)]
const PRIVATE: u32 = 0o600;

/// Gives a file the permissions of the one that it replaces, or those of a new file.
#[cfg(unix)]
pub(crate) fn publish(file: &File, target: &Path) -> io::Result<()> {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use rustix::{fs::Mode, process::umask};

    let mode = match fs::symlink_metadata(target) {
        Ok(found) if found.is_file() => found.permissions().mode() & 0o7777,
        _ => {
            // Reading the mask sets it. No other thread creates files.
            let mask = umask(Mode::from_raw_mode(0o077));
            umask(mask);
            0o666 & !mask.bits()
        }
    };
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives a file the permissions of the one that it replaces, or those of a new file.
#[cfg(not(unix))]
pub(crate) fn publish(_file: &File, _target: &Path) -> io::Result<()> {
    Ok(())
}
