#:project ../Support/Lia.Testing.csproj
// Unpacks every reference file into a folder, for `lia verify` say. From the root: dotnet run tests/data/unpack.cs -- FOLDER
using Lia.Testing;

Directory.CreateDirectory(args[0]);
foreach (string packed in Directory.GetFiles(TestData.Folder, "*.br").Order(StringComparer.Ordinal))
{
    string name = Path.GetFileName(packed).Replace(".planes", "").Replace(".br", "");
    File.WriteAllBytes(Path.Combine(args[0], name), TestData.Read(name));
    Console.WriteLine(Path.Combine(args[0], name));
}
