using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Metadata;

namespace Lia.Gpu.Compiler.Frontend;

/// <summary>One IL instruction. The operand is an integer, branch target, variable index, float bits or metadata token.</summary>
internal sealed class Instruction(int offset, ILOpCode code, long operand, int[]? targets)
{
    public readonly int Offset = offset;
    public readonly ILOpCode Code = code;
    public readonly long Operand = operand;

    /// <summary>Of switch: the branch targets.</summary>
    public readonly int[]? Targets = targets;

    /// <summary>What the token stands for, once it has been resolved.</summary>
    public MemberInfo? Member;
}

/// <summary>A method's IL, decoded once for each closed method.</summary>
internal sealed class MethodCode
{
    private static readonly ConcurrentDictionary<MethodBase, MethodCode?> s_codes = new();

    private readonly Type[]? _typeArguments;
    private readonly Type[]? _methodArguments;

    private MethodCode(MethodBase method, MethodBody body)
    {
        Method = method;
        Body = body;
        Locals = [.. body.LocalVariables.Select(static l => l.LocalType)];
        _typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        _methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;

        var parameters = new List<Type>();
        if (!method.IsStatic) parameters.Add(method.DeclaringType!.MakeByRefType());
        foreach (ParameterInfo parameter in method.GetParameters()) parameters.Add(parameter.ParameterType);
        Parameters = [.. parameters];
        ReturnType = method is MethodInfo { ReturnType: var type2 } ? type2 : typeof(void);
        StoredParameters = new bool[Parameters.Length];
        Decode(body.GetILAsByteArray()!);
    }

    public MethodBase Method { get; }

    public MethodBody Body { get; }

    public Type[] Locals { get; }

    /// <summary>Parameter types, `this` by reference first.</summary>
    public Type[] Parameters { get; }

    public Type ReturnType { get; }

    public List<Instruction> Instructions { get; } = [];

    /// <summary>Index of the instruction at an offset, for branch targets.</summary>
    public Dictionary<int, int> Targets { get; } = [];

    /// <summary>Parameters that are assigned or whose address is taken.</summary>
    public bool[] StoredParameters { get; }

    public int ReturnCount { get; private set; }

    /// <summary>The decoded body, or null when the method has none.</summary>
    public static MethodCode? Of(MethodBase method) =>
        s_codes.GetOrAdd(method, static m => m.GetMethodBody() is { } body ? new MethodCode(m, body) : null);

    public MemberInfo Resolve(Instruction instruction) =>
        instruction.Member ??= Method.Module.ResolveMember((int)instruction.Operand, _typeArguments, _methodArguments)!;

    public Type ResolveType(Instruction instruction) =>
        (Type)(instruction.Member ??= Method.Module.ResolveType((int)instruction.Operand, _typeArguments, _methodArguments));

    public MethodBase ResolveMethod(Instruction instruction) =>
        (MethodBase)(instruction.Member ??= Method.Module.ResolveMethod((int)instruction.Operand, _typeArguments, _methodArguments)!);

    public FieldInfo ResolveField(Instruction instruction) =>
        (FieldInfo)(instruction.Member ??= Method.Module.ResolveField((int)instruction.Operand, _typeArguments, _methodArguments)!);

    private void Decode(ReadOnlySpan<byte> il)
    {
        var targets = new HashSet<int>();
        var indices = new Dictionary<int, int>();
        for (int at = 0; at < il.Length;)
        {
            int start = at;
            int code = il[at++];
            if (code == 0xfe) code = 0xfe00 | il[at++];
            var op = (ILOpCode)code;
            long operand = 0;
            int[]? cases = null;
            if (op == ILOpCode.Switch)
            {
                cases = new int[BinaryPrimitives.ReadInt32LittleEndian(il[at..])];
                int next = at + 4 + 4 * cases.Length;
                for (int i = 0; i < cases.Length; i++)
                {
                    cases[i] = next + BinaryPrimitives.ReadInt32LittleEndian(il[(at + 4 + 4 * i)..]);
                    targets.Add(cases[i]);
                }
                at = next;
                targets.Add(at);
            }
            else
            {
                int size = OperandSize(op);
                operand = size switch
                {
                    1 => IsUnsignedByte(op) ? il[at] : (sbyte)il[at],
                    2 => BinaryPrimitives.ReadUInt16LittleEndian(il[at..]),
                    4 => BinaryPrimitives.ReadInt32LittleEndian(il[at..]),
                    8 => BinaryPrimitives.ReadInt64LittleEndian(il[at..]),
                    _ => 0,
                };
                at += size;
                if (op.IsBranch())
                {
                    operand += at;
                    targets.Add((int)operand);
                    // What a conditional branch falls through to is a block as well.
                    if (op is not (ILOpCode.Br or ILOpCode.Br_s)) targets.Add(at);
                }
            }
            if (op is ILOpCode.Starg or ILOpCode.Starg_s or ILOpCode.Ldarga or ILOpCode.Ldarga_s) StoredParameters[operand] = true;
            if (op == ILOpCode.Ret) ReturnCount++;
            indices.Add(start, Instructions.Count);
            Instructions.Add(new(start, op, operand, cases));
        }
        foreach (int target in targets)
        {
            if (indices.TryGetValue(target, out int index)) Targets[target] = index;
        }
    }

    private static bool IsUnsignedByte(ILOpCode op) => op is ILOpCode.Ldarg_s or ILOpCode.Ldarga_s or ILOpCode.Starg_s
        or ILOpCode.Ldloc_s or ILOpCode.Ldloca_s or ILOpCode.Stloc_s or ILOpCode.Unaligned;

    private static int OperandSize(ILOpCode op) => op switch
    {
        ILOpCode.Ldarg_s or ILOpCode.Ldarga_s or ILOpCode.Starg_s or ILOpCode.Ldloc_s or ILOpCode.Ldloca_s or ILOpCode.Stloc_s
            or ILOpCode.Ldc_i4_s or ILOpCode.Unaligned => 1,
        ILOpCode.Ldarg or ILOpCode.Ldarga or ILOpCode.Starg or ILOpCode.Ldloc or ILOpCode.Ldloca or ILOpCode.Stloc => 2,
        ILOpCode.Ldc_i8 or ILOpCode.Ldc_r8 => 8,
        ILOpCode.Ldc_i4 or ILOpCode.Ldc_r4 or ILOpCode.Jmp or ILOpCode.Call or ILOpCode.Calli or ILOpCode.Callvirt or ILOpCode.Cpobj
            or ILOpCode.Ldobj or ILOpCode.Ldstr or ILOpCode.Newobj or ILOpCode.Castclass or ILOpCode.Isinst or ILOpCode.Unbox
            or ILOpCode.Ldfld or ILOpCode.Ldflda or ILOpCode.Stfld or ILOpCode.Ldsfld or ILOpCode.Ldsflda or ILOpCode.Stsfld
            or ILOpCode.Stobj or ILOpCode.Box or ILOpCode.Newarr or ILOpCode.Ldelema or ILOpCode.Ldelem or ILOpCode.Stelem
            or ILOpCode.Unbox_any or ILOpCode.Refanyval or ILOpCode.Mkrefany or ILOpCode.Ldtoken or ILOpCode.Ldftn or ILOpCode.Ldvirtftn
            or ILOpCode.Initobj or ILOpCode.Constrained or ILOpCode.Sizeof => 4,
        _ => op.IsBranch() ? op.GetBranchOperandSize() : 0,
    };
}
