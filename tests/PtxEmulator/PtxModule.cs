using Lia.PtxEmulator.Decode;
using Lia.PtxEmulator.Memory;
using Lia.PtxEmulator.Parser;

namespace Lia.PtxEmulator;

/// <summary>PTX text, parsed and decoded. Immutable; may be used by several emulators at once.</summary>
public sealed class PtxModule
{
    private readonly Dictionary<string, PtxEntry> _entries = new(StringComparer.Ordinal);

    private PtxModule(ModuleSyntax syntax)
    {
        Sm = syntax.Sm;
        Allocation constants = LayOutConstants(syntax, out Dictionary<string, long> addresses);
        foreach (EntrySyntax entry in syntax.Entries)
        {
            if (!_entries.TryAdd(entry.Name, new PtxEntry(syntax, entry, constants, addresses)))
                throw new PtxSyntaxException(entry.Line, $"entry {entry.Name} is defined twice");
        }
    }

    /// <summary>The number in <c>.target sm_90</c>.</summary>
    public int Sm { get; }

    /// <summary>Names of the kernels.</summary>
    public IReadOnlyCollection<string> EntryNames => _entries.Keys;

    /// <summary>A kernel by name.</summary>
    /// <exception cref="KeyNotFoundException">The module has no such kernel.</exception>
    public PtxEntry this[string entry] => _entries.TryGetValue(entry, out PtxEntry? found)
        ? found
        : throw new KeyNotFoundException($"the module has no entry '{entry}', only {string.Join(", ", _entries.Keys)}");

    /// <summary>Parses and decodes a whole module.</summary>
    /// <exception cref="PtxSyntaxException">The text is malformed, or uses an instruction, modifier, type or operand that is not known or
    /// not allowed.</exception>
    public static PtxModule Parse(string ptx) => new(PtxParser.Parse(ptx));

    private static unsafe Allocation LayOutConstants(ModuleSyntax syntax, out Dictionary<string, long> addresses)
    {
        addresses = new Dictionary<string, long>(StringComparer.Ordinal);
        var bytes = new List<byte>();
        IEnumerable<VariableSyntax> variables = syntax.Variables.Concat(syntax.Entries.SelectMany(e => e.Variables))
            .Where(v => v.Space == StateSpace.Const);
        foreach (VariableSyntax variable in variables)
        {
            while (bytes.Count % variable.Alignment != 0) bytes.Add(0);
            if (!addresses.TryAdd(variable.Name, bytes.Count))
                throw new PtxSyntaxException(variable.Line, $"{variable.Name} is declared twice");
            bytes.AddRange(variable.Initial);
        }
        var constants = new Allocation(0, bytes.Count);
        bytes.ToArray().CopyTo(new Span<byte>(constants.Data, bytes.Count));
        return constants;
    }
}

/// <summary>A decoded kernel.</summary>
public sealed class PtxEntry
{
    // Variables of shared memory lie apart, so that running over the end of one is not taken for an access to the next.
    private const int RedZoneBytes = 128;

    private readonly byte[] _staticSharedState;
    private readonly int _dynamicAlignment;

    internal PtxEntry(ModuleSyntax module, EntrySyntax entry, Allocation constants, Dictionary<string, long> constantAddresses)
    {
        Name = entry.Name;
        Constants = constants;
        MaximumThreads = entry.MaximumThreads;
        var symbols = new Dictionary<string, (StateSpace, long)>(StringComparer.Ordinal);
        foreach ((string name, long address) in constantAddresses) symbols.Add(name, (StateSpace.Const, address));
        long parameterBytes = 0;
        foreach (VariableSyntax parameter in entry.Parameters)
        {
            parameterBytes = AlignUp(parameterBytes, parameter.Alignment);
            Declare(parameter, parameterBytes);
            parameterBytes += parameter.Bytes;
        }
        ParameterBytes = (int)parameterBytes;

        var state = new List<byte>();
        long localBytes = 0;
        List<VariableSyntax> dynamic = [];
        foreach (VariableSyntax variable in module.Variables.Concat(entry.Variables))
        {
            switch (variable.Space)
            {
                case StateSpace.Shared when variable.IsDynamic: dynamic.Add(variable); break;
                case StateSpace.Shared:
                    if (state.Count > 0) Extend(state, RedZoneBytes, ByteState.RedZone);
                    Extend(state, (int)(AlignUp(state.Count, Math.Max(variable.Alignment, 16)) - state.Count), ByteState.RedZone);
                    Declare(variable, state.Count);
                    Extend(state, (int)variable.Bytes, ByteState.Uninitialized);
                    StaticSharedBytes = (int)AlignUp(StaticSharedBytes, variable.Alignment) + (int)variable.Bytes;
                    break;
                case StateSpace.Local:
                    localBytes = AlignUp(localBytes, variable.Alignment);
                    Declare(variable, localBytes);
                    localBytes += variable.Bytes;
                    break;
            }
        }
        LocalBytes = (int)localBytes;
        _dynamicAlignment = dynamic.Count == 0 ? 0 : Math.Max(16, dynamic.Max(v => v.Alignment));
        if (dynamic.Count > 0)
        {
            if (state.Count > 0) Extend(state, RedZoneBytes, ByteState.RedZone);
            Extend(state, (int)(AlignUp(state.Count, _dynamicAlignment) - state.Count), ByteState.RedZone);
            foreach (VariableSyntax variable in dynamic) Declare(variable, state.Count);
        }
        _staticSharedState = [.. state];

        Layout = new RegisterLayout(entry.Registers);
        var scope = new DecodeScope { Module = module, Entry = entry, Layout = Layout, Symbols = symbols };
        (Program, TrackedRegisters) = Decoder.DecodeEntry(scope);
        Accumulators = AccumulatorUse.Names(Program);

        void Declare(VariableSyntax variable, long address)
        {
            if (!symbols.TryAdd(variable.Name, (variable.Space, address)))
                throw new PtxSyntaxException(variable.Line, $"{variable.Name} is declared twice");
        }
    }

    /// <summary>The kernel's name.</summary>
    public string Name { get; }

    /// <summary>Size of the parameter block, each parameter at its natural alignment.</summary>
    public int ParameterBytes { get; }

    /// <summary>Statically declared shared memory.</summary>
    public int StaticSharedBytes { get; }

    /// <summary>Local memory of a thread: 0 when everything lives in registers.</summary>
    public int LocalBytes { get; }

    /// <summary>Whether the kernel has an extern shared array, which takes its size from the launch.</summary>
    public bool UsesDynamicShared => _dynamicAlignment != 0;

    /// <summary>Threads a block may have (.maxntid), null when not bounded.</summary>
    public long? MaximumThreads { get; }

    internal Op[] Program { get; }

    internal RegisterLayout Layout { get; }

    internal Allocation Constants { get; }

    internal int TrackedRegisters { get; }

    /// <summary>The registers that products accumulate in, by their numbers.</summary>
    internal string[] Accumulators { get; }

    /// <summary>The state of every byte of shared memory at the start of a block.</summary>
    internal byte[] SharedState(int dynamicBytes)
    {
        if (!UsesDynamicShared) return _staticSharedState;
        return [.. _staticSharedState, .. new byte[dynamicBytes]];
    }

    private static void Extend(List<byte> state, int count, byte value) => state.AddRange(Enumerable.Repeat(value, count));

    private static long AlignUp(long value, long alignment) => (value + alignment - 1) / alignment * alignment;
}
