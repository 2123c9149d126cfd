using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lia.Gpu.Compiler.IR;

namespace Lia.Gpu.Compiler.Frontend;

/// <summary>A primitive inside a type: where, and as what.</summary>
internal readonly record struct Leaf(int Offset, MemoryType Type, bool IsPointer);

/// <summary>The memory layout of a blittable type, as the CLR's sequential layout gives it, flattened to primitives.</summary>
internal sealed class TypeLayout
{
    private static readonly ConcurrentDictionary<Type, TypeLayout?> s_layouts = new();

    private readonly Dictionary<(Type, string), (int Offset, int Leaf)> _fields = [];

    private TypeLayout(int size, int alignment, Leaf[] leaves, bool isScalar)
    {
        Size = size;
        Alignment = alignment;
        Leaves = leaves;
        IsScalar = isScalar;
    }

    public int Size { get; }

    public int Alignment { get; }

    public Leaf[] Leaves { get; }

    /// <summary>One primitive, not wrapped in a struct.</summary>
    public bool IsScalar { get; }

    /// <summary>Marked to be accessed by one vector instruction.</summary>
    public bool IsVectorAligned { get; private init; }

    /// <summary>8 or 16 bytes of equal primitives of 4 or 8 bytes: one vector access, where the address is known to be aligned.</summary>
    public bool IsVector => !IsScalar && Leaves.Length is 2 or 4 && Size is 8 or 16 && Leaves[0].Type.Size() * Leaves.Length == Size
        && Array.TrueForAll(Leaves, leaf => leaf.Type.Size() == Leaves[0].Type.Size());

    public static bool IsReference(Type type) => type.IsByRef || type.IsPointer;

    /// <summary>The layout of a type, or null when it has none on a device (classes, strings ...).</summary>
    public static TypeLayout? Of(Type type) => s_layouts.GetOrAdd(IlgpuMeaning.Of(type), static t => Compute(t));

    /// <summary>Byte offset of a field and the index of its first leaf.</summary>
    public (int Offset, int Leaf) Field(FieldInfo field) => _fields[(IlgpuMeaning.Of(field.DeclaringType!), field.Name)];

    private static TypeLayout? Compute(Type type)
    {
        if (Primitive(type) is { } primitive)
            return new(primitive.Size(), primitive.Size(), [new(0, primitive, type == typeof(nint) || IsReference(type))], isScalar: true);
        if (!type.IsValueType || type.IsPrimitive || type.IsExplicitLayout || type.IsDefined(typeof(InlineArrayAttribute), false)
            || type.ContainsGenericParameters || type == typeof(decimal)
            || IlgpuMeaning.IsForeign(type)) return null;

        int offset = 0, alignment = 1;
        int pack = type.StructLayoutAttribute is { Pack: > 0 } attribute ? attribute.Pack : 8;
        var leaves = new List<Leaf>();
        var fields = new Dictionary<(Type, string), (int, int)>();
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .OrderBy(static f => f.MetadataToken))
        {
            if (Of(field.FieldType) is not { } inner) return null;
            int fieldAlignment = Math.Min(inner.Alignment, pack);
            offset = (offset + fieldAlignment - 1) / fieldAlignment * fieldAlignment;
            alignment = Math.Max(alignment, fieldAlignment);
            fields.Add((type, field.Name), (offset, leaves.Count));
            foreach (Leaf leaf in inner.Leaves) leaves.Add(leaf with { Offset = offset + leaf.Offset });
            offset += inner.Size;
        }
        int size = Math.Max(1, (offset + alignment - 1) / alignment * alignment);
        if (type.StructLayoutAttribute is { Size: > 0 } sized) size = Math.Max(size, sized.Size);
        // A `fixed` buffer is a struct that declares its first element only: the others are copied with it.
        if (type.IsDefined(typeof(UnsafeValueTypeAttribute), false) && leaves.Count == 1)
        {
            Leaf element = leaves[0];
            for (int at = element.Type.Size(); at < size; at += element.Type.Size()) leaves.Add(element with { Offset = at });
        }
        var layout = new TypeLayout(size, alignment, [.. leaves], isScalar: false)
            { IsVectorAligned = type.IsDefined(typeof(VectorAlignedAttribute), false) };
        foreach ((var key, var place) in fields) layout._fields.Add(key, place);
        return layout;
    }

    private static MemoryType? Primitive(Type type)
    {
        if (type == typeof(Device.Half) || type == typeof(BFloat16)) return MemoryType.H16;
        if (IsReference(type) || type == typeof(nint) || type == typeof(nuint)) return MemoryType.I64;
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean or TypeCode.Byte => MemoryType.U8,
            TypeCode.SByte => MemoryType.I8,
            TypeCode.Int16 => MemoryType.I16,
            TypeCode.UInt16 or TypeCode.Char => MemoryType.U16,
            TypeCode.Int32 or TypeCode.UInt32 => MemoryType.I32,
            TypeCode.Int64 or TypeCode.UInt64 => MemoryType.I64,
            TypeCode.Single => MemoryType.F32,
            TypeCode.Double => MemoryType.F64,
            _ => null,
        };
    }
}
