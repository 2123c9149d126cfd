namespace Lia.Studio.Files;

/// <summary>The folder that only we may look into, with a folder an upload and a folder an animation.</summary>
internal sealed class PrivateFolder : IDisposable
{
    private readonly FileStream _lock;

    /// <exception cref="IOException">It cannot be made, or another service has it.</exception>
    public PrivateFolder(string root)
    {
        Root = root;
        Create(root);
        try
        {
            // Held by the system as long as the process lives, however it ends.
            _lock = new FileStream(Path.Combine(root, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure)
        {
            throw new IOException($"{root}: another service has this folder, or it cannot be written; name another with --data.", failure);
        }
        // Uploads belong to connections, which are gone.
        if (Directory.Exists(Uploads)) Directory.Delete(Uploads, recursive: true);
        Create(Uploads);
        Create(Animations);
    }

    public string Root { get; }

    public string Database => Path.Combine(Root, "studio.db");

    private string Uploads => Path.Combine(Root, "uploads");

    private string Animations => Path.Combine(Root, "animations");

    /// <summary>A new name that nobody can guess.</summary>
    public static string NewId() => Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));

    /// <summary>Whether a word can be an id: it is then the name of nothing but our folders.</summary>
    public static bool IsId(string? text) => text is { Length: 32 } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Makes the folder of an upload.</summary>
    public string NewUpload(string id) => Create(Path.Combine(Uploads, Checked(id)));

    /// <summary>Makes the folder of an animation.</summary>
    public string NewAnimation(string id) => Create(Animation(id));

    /// <summary>The folder of an animation.</summary>
    public string Animation(string id) => Path.Combine(Animations, Checked(id));

    /// <summary>All animations that have a folder.</summary>
    public IEnumerable<string> AnimationFolders() => Directory.EnumerateDirectories(Animations).Select(folder => Path.GetFileName(folder)!);

    /// <summary>Removes a folder with all in it; that it is gone already is no error.</summary>
    public static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
        }
    }

    public void Dispose() => _lock.Dispose();

    private static string Create(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return folder;
    }

    private static string Checked(string id) => IsId(id) ? id : throw new ArgumentException("That is no id.");
}
