using System.Collections.Concurrent;
using System.Reflection;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace Lia.Gpu.Compiler.Frontend;

/// <summary>
/// What the compiler takes ILGPU's members to mean: a type of ILGPU has a form in <c>Compiler/Device</c>, and a member of it means the
/// member of the same name and signature there. Types whose own bodies are plain arithmetic are compiled as they are. Everything else of
/// ILGPU is refused.
/// </summary>
internal static class IlgpuMeaning
{
    private static readonly Dictionary<Type, Type> s_forms = new()
    {
        [typeof(ArrayView<>)] = typeof(Device.ArrayView<>),
        [typeof(ArrayView1D<,>)] = typeof(Device.ArrayView1D<,>),
        [typeof(Atomic)] = typeof(Device.Atomic),
        [typeof(Grid)] = typeof(Device.Grid),
        [typeof(Group)] = typeof(Device.Group),
        [typeof(ILGPU.Half)] = typeof(Device.Half),
        [typeof(Interop)] = typeof(Device.Interop),
        [typeof(IntrinsicMath)] = typeof(Device.IntrinsicMath),
        [typeof(LocalMemory)] = typeof(Device.LocalMemory),
        [typeof(MemoryFence)] = typeof(Device.MemoryFence),
        [typeof(SharedMemory)] = typeof(Device.SharedMemory),
        [typeof(SwizzledSharedMemory)] = typeof(Device.SwizzledSharedMemory),
        [typeof(Warp)] = typeof(Device.Warp),
        [typeof(XMath)] = typeof(Device.XMath),
        [typeof(SpecializedValue<>)] = typeof(Device.SpecializedValue<>),
        [typeof(GroupExtensions)] = typeof(Device.GroupExtensions),
        [typeof(WarpExtensions)] = typeof(Device.WarpExtensions),
    };

    private static readonly HashSet<Type> s_plain =
    [
        typeof(Index1D), typeof(Index2D), typeof(Index3D), typeof(LongIndex1D), typeof(LongIndex2D), typeof(LongIndex3D),
        typeof(Stride1D.Dense),
    ];

    private static readonly Assembly[] s_assemblies = [typeof(ArrayView<>).Assembly, typeof(XMath).Assembly];
    private static readonly ConcurrentDictionary<Type, Type> s_types = new();
    private static readonly ConcurrentDictionary<MethodBase, MethodBase?> s_methods = new();

    /// <summary>The form of a type on the device; the type itself where it has no other.</summary>
    public static Type Of(Type type) => s_types.GetOrAdd(type, static t => Map(t));

    /// <summary>
    /// What a method means on the device: itself where it is not ILGPU's or its body can be compiled; null where it has no meaning.
    /// </summary>
    public static MethodBase? Of(MethodBase method) => s_methods.GetOrAdd(method, static m => Map(m));

    /// <summary>Whether a type is ILGPU's, and as it stands there has no layout that a device could be handed.</summary>
    public static bool IsForeign(Type type) => s_assemblies.Contains(type.Assembly) && !s_plain.Contains(type) && !IsOperation(type);

    /// <summary>ILGPU's operators of reductions, scans and atomics: structs without fields, of plain arithmetic.</summary>
    private static bool IsOperation(Type type) =>
        type.IsValueType && type.Namespace is "ILGPU.Algorithms.ScanReduceOperations" or "ILGPU.AtomicOperations";

    /// <summary>What to write in place of a member without a meaning.</summary>
    public static string Alternative(MethodBase method) => (method.DeclaringType?.Name, method.Name) switch
    {
        ("XMath", "Pow") => "call XMath.Exp2(y * XMath.Log2(x)), or multiply",
        ("IntrinsicMath", "CopySign") => "call Intrinsics.CopySign",
        ("XMath" or "IntrinsicMath", _) => "write it with the XMath members that take and give float, or with Intrinsics",
        ("Warp", _) => "write it with Warp.Shuffle, ShuffleXor, ShuffleUp or ShuffleDown over the whole warp",
        ("Half" or "HalfExtensions", _) => "compute in float",
        ("SharedMemory" or "LocalMemory", _) => "call Allocate<T>(constant) and compute the index of a row yourself",
        ("Interop", _) => "pass the value to the host and format it there",
        ("LibDevice", _) => "call XMath, whose functions state their errors",
        ("CudaAsm", _) => "call Intrinsics, which has instructions as methods",
        ("GroupExtensions", _) => "write it with AllReduce, InclusiveScan and ExclusiveScan",
        ("GridExtensions", _) => "write the loop: for (int i = Grid.GlobalIndex.X; i < n; i += Grid.DimX * Group.DimX)",
        ("ArrayViewExtensions", _) => "index the view",
        ("Atomic", _) => "loop over Atomic.CompareExchange",
        _ => "use ArrayView<T> and plain indices; docs/kernel-compiler.md lists what has a meaning",
    };

    private static Type Map(Type type)
    {
        if (type.IsByRef) return Of(type.GetElementType()!).MakeByRefType();
        if (type.IsPointer) return Of(type.GetElementType()!).MakePointerType();
        if (!type.IsGenericType) return s_forms.GetValueOrDefault(type, type);
        if (!s_forms.TryGetValue(type.GetGenericTypeDefinition(), out Type? form) || type.IsGenericTypeDefinition) return form ?? type;
        // a view with gaps has no form
        if (form == typeof(Device.ArrayView1D<,>) && type.GetGenericArguments()[1] != typeof(Stride1D.Dense)) return type;
        return form.MakeGenericType([.. type.GetGenericArguments().Select(Of)]);
    }

    private static MethodBase? Map(MethodBase method)
    {
        Type declaring = method.DeclaringType!, form = Of(declaring);
        if (form == declaring) return IsForeign(declaring) ? null : method;
        const BindingFlags Any = BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance;
        // A view is made on the host.
        if (method is not MethodInfo called) return null;
        Type[] parameters = [.. method.GetParameters().Select(static p => Of(p.ParameterType))];
        Type[] arguments = method.IsGenericMethod ? [.. method.GetGenericArguments().Select(Of)] : [];
        foreach (MethodInfo candidate in form.GetMethods(Any))
        {
            if (candidate.Name != method.Name || candidate.IsStatic != method.IsStatic
                || candidate.GetGenericArguments().Length != arguments.Length) continue;
            MethodInfo closed = arguments.Length > 0 ? candidate.MakeGenericMethod(arguments) : candidate;
            // Conversions differ in what they return.
            if (closed.ReturnType == Of(called.ReturnType) && closed.GetParameters().Select(static p => p.ParameterType)
                .SequenceEqual(parameters)) return closed;
        }
        return null;
    }
}
